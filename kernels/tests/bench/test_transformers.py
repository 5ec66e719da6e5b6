"""Our model artifact as transformers sees it: the same logits, the same context,
the same tokens and chat rendering.
"""

from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tanren_kernels.model.attention import KeyValueCache
from tanren_kernels.model.llama import load_model
from tanren_kernels.tokenizer import chatml

pytestmark = pytest.mark.bench

SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "tied": {"tie_word_embeddings": True},
    "all heads their own": {"num_key_value_heads": 4},
    "interpolated": {"rope_factor": 4.0, "max_position_embeddings": 1024},
    "another base": {"rope_theta": 500000.0},
}
CONVERSATION = [
    {"role": "system", "content": "You help.\n\nIn two lines."},
    {"role": "user", "content": "川は静か？ 'quoted' \"twice\" {{ braces }}"},
    {"role": "assistant", "content": "流れます。"},
    {"role": "user", "content": "And the fox?"},
]


@pytest.mark.parametrize("name", SHAPES)
def test_logits_are_those_of_transformers(tmp_path: Path, name: str) -> None:
    model = tiny.model(**SHAPES[name])
    peer = AutoModelForCausalLM.from_pretrained(tiny.write_model(tmp_path, model), dtype=torch.float32).eval()
    assert type(peer).__name__ == "LlamaForCausalLM"
    assert peer.config.max_position_embeddings == model.config.max_position_embeddings
    assert peer.num_parameters() == sum(parameter.numel() for parameter in model.parameters())
    tokens = torch.randint(3, model.config.vocab_size, (2, 200), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), peer(tokens).logits, atol=1e-4, rtol=1e-5)


def test_interpolation_reaches_transformers(tmp_path: Path) -> None:
    """Were the scaling not read, logits would still be equal at position 0;
    so plain and interpolated must differ there too.
    """
    model = tiny.model(rope_factor=4.0)
    peer = AutoModelForCausalLM.from_pretrained(tiny.write_model(tmp_path, model), dtype=torch.float32)
    assert peer.config.rope_parameters["rope_type"] == "linear"
    assert peer.config.rope_parameters["factor"] == 4.0
    tokens = torch.arange(3, 60)[None]
    with torch.no_grad():
        assert (tiny.model()(tokens) - peer(tokens).logits).abs().max() > 0.05


@pytest.mark.parametrize("name", ["plain", "interpolated"])
def test_what_transformers_saves_loads_here(tmp_path: Path, name: str) -> None:
    model = tiny.model(**SHAPES[name])
    peer = AutoModelForCausalLM.from_pretrained(
        tiny.write_model(tmp_path / "ours", model), dtype=torch.float32
    )
    peer.save_pretrained(tmp_path / "theirs", max_shard_size="100KB")
    assert len(list((tmp_path / "theirs").glob("*.safetensors"))) > 1
    loaded = load_model(tmp_path / "theirs")
    assert loaded.config == model.config
    tokens = torch.arange(3, 60)[None]
    with torch.no_grad():
        assert torch.equal(loaded(tokens), model(tokens))


def test_greedy_generation_is_that_of_transformers(tmp_path: Path) -> None:
    model = tiny.model()
    peer = AutoModelForCausalLM.from_pretrained(tiny.write_model(tmp_path, model), dtype=torch.float32)
    prompt = torch.arange(3, 20)[None]
    theirs = peer.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=30, do_sample=False, eos_token_id=None
    )[0, 17:]
    cache = KeyValueCache(model.config, 1, 64)
    ours, following = [], prompt
    with torch.no_grad():
        for _ in range(30):
            following = model(following, cache)[:, -1:].argmax(-1)
            ours.append(int(following))
    assert ours == theirs.tolist()


def test_chat_template_renders_as_ours(tmp_path: Path) -> None:
    text = tiny.text_tokenizer()
    peer = AutoTokenizer.from_pretrained(tiny.write_model(tmp_path, tiny.model()))
    for turns, prompt in ((CONVERSATION, True), (CONVERSATION[:3], False)):
        ours = chatml.render_prompt(turns, text) if prompt else chatml.render(turns, text).tokens
        assert peer.apply_chat_template(turns, tokenize=False, add_generation_prompt=prompt) == text.decode(
            ours
        )
        assert peer.apply_chat_template(turns, add_generation_prompt=prompt, return_dict=False) == ours
    assert (peer.eos_token_id, peer.pad_token_id) == (text.message_end, text.end_of_text)


def test_tokenizer_is_read_as_it_is(tmp_path: Path) -> None:
    text = tiny.text_tokenizer()
    peer = AutoTokenizer.from_pretrained(tiny.write_model(tmp_path, tiny.model()))
    sample = "吾輩は猫である。 The fox  jumps,\n\tisn't it? 123"
    assert peer.encode(sample) == text.encode_plain(sample)
    assert peer.decode(peer.encode(sample)) == sample
