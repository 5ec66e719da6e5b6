# Generated from operator/contract by `make generate`; do not edit.
# ruff: noqa

from __future__ import annotations

from typing import Annotated, Any, Literal
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypeAliasType
from builtins import list as list_aliased


class RunIdentity(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    kind: Annotated[str, Field(min_length=1)]
    namespace: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    uid: Annotated[str, Field(min_length=1)]
    stage: Annotated[str, Field(min_length=1)]
    attempt: Annotated[int, Field(ge=1)]


class Input(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    path: Annotated[
        str,
        Field(
            description="path relative to the working directory; never absolute, never upwards",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    digest: Annotated[
        str | None,
        Field(
            description="digest that the artifact's manifest must have; absent only for directories that people bring without a manifest",
            pattern="^sha256:[0-9a-f]{64}$",
        ),
    ] = None


class ExtractionConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    main_content: Annotated[
        bool, Field(description="keep the main content of a page only, without navigation and boilerplate")
    ]
    output: Annotated[
        Literal["text", "markdown"],
        Field(description="markdown: headings, lists, tables and code are marked as such"),
    ]
    ruby: Annotated[
        Literal["base", "readings"],
        Field(description="base: the annotated text alone; readings: each reading follows it in （）"),
    ]
    max_record_bytes: Annotated[
        int,
        Field(description="records larger than this, packed or unpacked, are counted and skipped", ge=1024),
    ]
    max_record_seconds: Annotated[
        int,
        Field(
            description="processor seconds that a record may take; others are counted and skipped",
            ge=1,
            le=3600,
        ),
    ]
    max_record_memory_bytes: Annotated[
        int, Field(description="memory that a record may take; others are counted and skipped", ge=67108864)
    ]


class UrlFilterConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    domains: Annotated[list_aliased[str], Field(description="these, and those below them, are dropped")]
    words: Annotated[
        list_aliased[str], Field(description="dropped where one stands between two signs of the address")
    ]
    list: Input | None = None


class ParagraphFilterConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    notices: bool
    encoded_data: bool
    scripts: bool


class RulesConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    min_characters: Annotated[int, Field(ge=0)]
    max_characters: Annotated[int, Field(ge=1)]
    min_japanese_ratio: Annotated[
        float,
        Field(
            description="least share of kana and kanji among the characters of a Japanese document",
            ge=0.0,
            le=1.0,
        ),
    ]
    min_hiragana_ratio: Annotated[
        float,
        Field(description="least share of hiragana: prose has it, keyword lists do not", ge=0.0, le=1.0),
    ]
    max_symbol_ratio: Annotated[float, Field(ge=0.0, le=1.0)]
    max_digit_ratio: Annotated[float, Field(ge=0.0, le=1.0)]
    max_link_ratio: Annotated[
        float, Field(description="largest share of characters in addresses of links", ge=0.0, le=1.0)
    ]
    max_duplicate_line_ratio: Annotated[
        float,
        Field(
            description="largest share of lines that repeat an earlier line (Gopher, Rae et al. 2021, table A1)",
            ge=0.0,
            le=1.0,
        ),
    ]
    max_duplicate_line_character_ratio: Annotated[
        float, Field(description="the same by characters (Gopher)", ge=0.0, le=1.0)
    ]
    max_top_ngram_ratio: Annotated[
        float, Field(description="largest share of the most frequent n-gram (Gopher)", ge=0.0, le=1.0)
    ]
    max_duplicate_ngram_ratio: Annotated[
        float, Field(description="largest share of n-grams that occurred before (Gopher)", ge=0.0, le=1.0)
    ]
    max_bullet_line_ratio: Annotated[
        float, Field(description="largest share of lines that begin with a bullet (Gopher)", ge=0.0, le=1.0)
    ]
    max_ellipsis_line_ratio: Annotated[
        float, Field(description="largest share of lines that end with an ellipsis (Gopher)", ge=0.0, le=1.0)
    ]
    min_mean_word_length: Annotated[float, Field(description="English only (Gopher)", ge=0.0)]
    max_mean_word_length: Annotated[float, Field(description="English only (Gopher)", ge=0.0)]
    min_stop_words: Annotated[
        int, Field(description="English only: least number of distinct stop words (Gopher)", ge=0)
    ]
    min_sentence_end_ratio: Annotated[
        float,
        Field(
            description="least share of lines that end as a sentence does (C4, Raffel et al. 2020)",
            ge=0.0,
            le=1.0,
        ),
    ]
    max_encoded_ratio: Annotated[
        float, Field(description="largest share of base64 and hexadecimal data", ge=0.0, le=1.0)
    ]
    max_mean_line_length: Annotated[int, Field(description="code only (StarCoder, Li et al. 2023)", ge=1)]
    max_line_length: Annotated[int, Field(description="code only (StarCoder)", ge=1)]
    min_letter_ratio: Annotated[float, Field(description="code only (StarCoder)", ge=0.0, le=1.0)]


class WordFilterConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    words: list_aliased[str]
    list: Input | None = None
    at_least: Annotated[int, Field(description="occurrences from which a document is dropped", ge=1)]


class MaskConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    kinds: Annotated[
        list_aliased[Literal["email", "ipAddress", "phone", "creditCard", "myNumber"]], Field(min_length=1)
    ]


class ClassifierConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    clean: Input
    dirty: Input
    threshold: Annotated[
        float | None,
        Field(
            description="documents whose probability of being clean is below this are dropped", ge=0.0, le=1.0
        ),
    ] = None
    precision: Annotated[
        float | None,
        Field(
            description="exactly one of this and threshold: the least threshold that has this held-out precision",
            ge=0.0,
            le=1.0,
        ),
    ] = None
    epochs: Annotated[int, Field(ge=1, le=1000)]


class CleaningStage(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    name: Annotated[str, Field(min_length=1)]
    languages: Annotated[
        list_aliased[str], Field(description="languages of the documents that it is for; empty: all")
    ]
    sources: Annotated[
        list_aliased[str], Field(description="sources of the documents that it is for; empty: all")
    ]
    urls: UrlFilterConfig | None = None
    paragraphs: ParagraphFilterConfig | None = None
    rules: RulesConfig | None = None
    words: WordFilterConfig | None = None
    mask: MaskConfig | None = None
    classifier: ClassifierConfig | None = None


class MinHashConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    permutations: Annotated[int, Field(ge=16, le=1024)]
    bands: Annotated[
        int, Field(description="divides permutations; rows = permutations / bands", ge=1, le=256)
    ]
    shingle: Annotated[
        int,
        Field(description="shingle size: characters for Japanese, words for English and code", ge=1, le=64),
    ]
    similarity: Annotated[
        float,
        Field(
            description="pairs whose shingles have at least this Jaccard similarity are duplicates",
            ge=0.0,
            le=1.0,
        ),
    ]


class DeduplicateConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    input: Annotated[
        str,
        Field(
            description="output directory of `clean`",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    work: Annotated[
        str,
        Field(
            description="directory that the steps share, below the output of the last one; removed at the end",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    step: Annotated[
        Literal["keys", "candidates", "texts", "similarity", "choice", "documents"] | None,
        Field(
            description="the one step that this Job does; absent: all of them, one after another, which takes workers 1"
        ),
    ] = None
    tasks: Annotated[int, Field(description="number of tasks of `clean`", ge=1)]
    workers: Annotated[
        int,
        Field(description="number of pods of the step; pod i does the parts p with p mod workers = i", ge=1),
    ]
    parts: Annotated[
        int,
        Field(
            description="parts of each step: as many ranges of the keys, and the tasks t with t mod parts = the part",
            ge=1,
            le=256,
        ),
    ]
    memory_bytes: Annotated[
        int,
        Field(
            description="memory limit of the pod; what does not fit is spilled to the work directory",
            ge=67108864,
        ),
    ]
    exact: Annotated[bool, Field(description="drop documents whose normalised text is another's")]
    near: Annotated[
        bool,
        Field(
            description="drop near duplicates; where false they are found all the same, and never held out"
        ),
    ]
    min_hash: MinHashConfig
    keep: Annotated[
        Literal["source_order", "longest", "newest"],
        Field(description="which of several duplicates stays; equal ones in the order of sources"),
    ]
    seed: Annotated[
        int,
        Field(
            description="seed of every random choice; the same seed gives the same bits", ge=0, le=2147483647
        ),
    ]


class MixturePart(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    language: Annotated[
        str,
        Field(
            description="BCP 47 tag of a text's language, or code: decides its rules and its share of the mixture",
            max_length=16,
            pattern="^(code|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$",
        ),
    ]
    ratio: Annotated[float, Field(description="its share, relative to the sum of all parts' ratios", gt=0.0)]


class RemovalRule(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    contains: Annotated[
        str | None, Field(description="removes every token whose text contains this", min_length=1)
    ] = None
    pattern: Annotated[
        str | None,
        Field(
            description="removes every token whose text matches this regular expression anywhere",
            min_length=1,
        ),
    ] = None


class MixtureSource(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    name: Annotated[str, Field(min_length=1)]
    weight: Annotated[
        float,
        Field(
            description="within each of its languages: a token of it counts as much as so many of weight 1",
            gt=0.0,
        ),
    ]
    max_epochs: Annotated[float | None, Field(description="instead of the mixture's", gt=0.0)] = None


class ModelShape(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    hidden_size: Annotated[int, Field(ge=8)]
    intermediate_size: Annotated[int, Field(ge=8)]
    num_hidden_layers: Annotated[int, Field(ge=1)]
    num_attention_heads: Annotated[int, Field(ge=1)]
    num_key_value_heads: Annotated[int, Field(ge=1)]
    max_position_embeddings: Annotated[int, Field(ge=8)]
    rope_theta: Annotated[float, Field(gt=0.0)]
    rms_norm_eps: Annotated[float, Field(gt=0.0)]
    tie_word_embeddings: bool


class RopeScaling(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    rope_type: Annotated[
        Literal["linear", "none"],
        Field(description="linear: position interpolation (Chen et al. 2023); none: positions as they are"),
    ]
    factor: Annotated[
        float | None,
        Field(
            description="interpolation factor in all, as config.json will have it; 1 for none; absent: the model's own x new context length / old",
            ge=1.0,
        ),
    ] = None
    max_position_embeddings: Annotated[int, Field(description="new context length", ge=8)]


class LanguageModelObjective(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    corpus: Input
    sampling: Annotated[
        Literal["packed", "documents"],
        Field(
            description="packed: windows over the concatenated shards; documents: windows that lie within one document of at least sequence_length tokens"
        ),
    ]


class ChatObjective(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    conversations: Annotated[
        list_aliased[Input],
        Field(description="files of JSON lines with `messages` (role, content)", min_length=1),
    ]
    held_out_ratio: Annotated[float, Field(ge=0.0, lt=1.0)]


class DpoObjective(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    preferences: Annotated[
        list_aliased[Input],
        Field(
            description="files of JSON lines with `prompt` (messages), `chosen`, `rejected` (content of the assistant)",
            min_length=1,
        ),
    ]
    beta: Annotated[float, Field(gt=0.0)]
    held_out_ratio: Annotated[float, Field(gt=0.0, lt=1.0)]


class Training(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    steps: Annotated[int | None, Field(ge=1)] = None
    epochs: Annotated[int | None, Field(description="exactly one of steps and epochs", ge=1)] = None
    global_batch_size: Annotated[
        int, Field(description="sequences (DPO: pairs) per optimizer step over all ranks", ge=1)
    ]
    micro_batch_size: Annotated[int, Field(description="sequences per forward pass of one rank", ge=1)]
    activation_checkpointing: Annotated[
        Literal["none", "selective", "full"], Field(description="what a block keeps for the backward pass")
    ]
    sequence_length: Annotated[int, Field(ge=8)]
    learning_rate: Annotated[float, Field(gt=0.0)]
    min_learning_rate: Annotated[float, Field(ge=0.0)]
    warmup_steps: Annotated[int, Field(ge=0)]
    weight_decay: Annotated[float, Field(ge=0.0)]
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)]
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)]
    epsilon: Annotated[float, Field(gt=0.0)]
    max_grad_norm: Annotated[float, Field(gt=0.0)]
    precision: Literal["float32", "bfloat16"]
    seed: Annotated[
        int,
        Field(
            description="seed of every random choice; the same seed gives the same bits", ge=0, le=2147483647
        ),
    ]


class Parallelism(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    replicate: Annotated[int, Field(description="data-parallel copies of the model", ge=1)]
    shard: Annotated[
        int,
        Field(
            description="ranks a copy's parameters, gradients and optimizer state are divided over (FSDP2)",
            ge=1,
        ),
    ]
    context: Annotated[
        int | None,
        Field(
            description="ranks a sequence is divided over, language_model alone; they divide parameters too; absent: 1",
            ge=1,
        ),
    ] = None


class Checkpoints(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    directory: Annotated[
        str,
        Field(
            description="path relative to the working directory; never absolute, never upwards",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    every_steps: Annotated[int, Field(ge=1)]
    keep_last: Annotated[int, Field(ge=1)]
    keep_every: Annotated[
        int | None, Field(description="checkpoints at multiples of this step are kept for good", ge=1)
    ] = None


class TrainConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    shape: ModelShape | None = None
    model: Input | None = None
    rope_scaling: RopeScaling | None = None
    language_model: LanguageModelObjective | None = None
    chat: ChatObjective | None = None
    dpo: DpoObjective | None = None
    training: Training
    parallelism: Parallelism
    checkpoints: Checkpoints
    export_dtype: Annotated[
        Literal["float32", "bfloat16"] | None,
        Field(description="type of the written model's weights; absent: float32, as they are trained"),
    ] = None
    evaluate_every_steps: Annotated[
        int, Field(description="held-out loss at each multiple of this step and at the end", ge=1)
    ]
    parents: list_aliased[Input]


class GenerateConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    model: Input
    prompts: Input
    samples: Annotated[int, Field(description="candidate answers per prompt", ge=2, le=64)]
    temperature: Annotated[float, Field(gt=0.0, le=10.0)]
    top_p: Annotated[float, Field(gt=0.0, le=1.0)]
    max_new_tokens: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    seed: Annotated[
        int,
        Field(
            description="seed of every random choice; the same seed gives the same bits", ge=0, le=2147483647
        ),
    ]


class JudgeRules(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    min_characters: Annotated[int, Field(ge=0)]
    max_characters: Annotated[int, Field(ge=1)]
    require_ending: Annotated[
        bool,
        Field(description="an answer must have ended with the end-of-turn token, not at the length limit"),
    ]
    max_repetition: Annotated[
        float,
        Field(description="largest share of character 4-grams that repeat an earlier one", ge=0.0, le=1.0),
    ]
    same_script: Annotated[bool, Field(description="an answer to a Japanese prompt must be in Japanese")]
    reference_overlap: Annotated[
        bool, Field(description="score by character F1 against the prompt's `reference` where it has one")
    ]


class JudgeConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    candidates: Annotated[
        str,
        Field(
            description="output directory of `generate`",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    rules: JudgeRules
    min_margin: Annotated[
        float, Field(description="pairs whose scores differ by less are ties and are dropped", ge=0.0)
    ]


class SuiteConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    name: Annotated[str, Field(min_length=1)]
    task: Annotated[
        Literal["jsquad", "jcommonsenseqa"],
        Field(
            description="jsquad: SQuAD JSON, exact match of generated answers; jcommonsenseqa: JSON lines, accuracy by log-likelihood over five choices"
        ),
    ]
    data: Input
    examples: Input | None = None
    shots: Annotated[int, Field(ge=0, le=32)]
    limit: Annotated[int | None, Field(ge=1)] = None


class LabelledModel(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    label: Annotated[str, Field(min_length=1)]
    model: Input


class ApiKeyLimits(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    name: Annotated[str, Field(min_length=1)]
    max_concurrent_requests: Annotated[
        int | None, Field(description="requests of this key that may wait or be answered at a time", ge=1)
    ] = None
    priority: Annotated[
        int,
        Field(
            description="of two requests that wait the one with the higher priority goes first",
            ge=-9007199254740991,
        ),
    ]


class ServeConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    model: Input
    model_name: Annotated[str, Field(description="name under /v1/models", min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)]
    context_length: Annotated[
        int | None, Field(description="longest prompt plus answer, in tokens; absent: the model's own", ge=8)
    ] = None
    max_concurrent_requests: Annotated[int, Field(ge=1)]
    max_queued_requests: Annotated[
        int, Field(description="requests beyond those that may wait; others are refused", ge=0)
    ]
    precision: Literal["float32", "bfloat16"]
    api_keys: Annotated[
        str | None,
        Field(
            description="directory whose files each hold one API key; absent: no key is asked",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ] = None
    api_key_limits: Annotated[
        list_aliased[ApiKeyLimits] | None,
        Field(
            description="limits of keys by the names of their files; a key that has none here is bound by no limit"
        ),
    ] = None


class ManifestFile(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    path: Annotated[str, Field(min_length=1)]
    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ManifestParent(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    name: Annotated[str, Field(description="role of the parent, e.g. corpus or model", min_length=1)]
    digest: Annotated[
        str,
        Field(
            description="sha256 digest, as `sha256:` and 64 hexadecimal digits",
            pattern="^sha256:[0-9a-f]{64}$",
        ),
    ]


DroppedAdditionalProperty = TypeAliasType("DroppedAdditionalProperty", Annotated[int, Field(ge=0)])


class FunnelRow(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    step: Annotated[
        str,
        Field(
            description="read, extraction, stages of cleaning by name, exact, min_hash, held_out, mixture",
            max_length=128,
            min_length=1,
        ),
    ]
    language: Annotated[
        str,
        Field(
            description="BCP 47 tag of a text's language, or code: decides its rules and its share of the mixture",
            max_length=16,
            pattern="^(code|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$",
        ),
    ]
    documents_in: Annotated[int, Field(ge=0)]
    documents_out: Annotated[int, Field(ge=0)]
    bytes_in: Annotated[int, Field(ge=0)]
    bytes_out: Annotated[int, Field(ge=0)]
    dropped: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=128)], DroppedAdditionalProperty],
        Field(description="documents by reason", max_length=64),
    ]


class ArtifactResult(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    path: Annotated[
        str,
        Field(
            description="directory of the artifact below the working directory",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    type: Literal["corpus", "model", "measurement", "evaluation"]
    digest: Annotated[
        str,
        Field(
            description="sha256 digest, as `sha256:` and 64 hexadecimal digits",
            pattern="^sha256:[0-9a-f]{64}$",
        ),
    ]
    size_bytes: Annotated[int, Field(ge=0)]
    tokenizer_digest: Annotated[
        str | None,
        Field(
            description="sha256 digest, as `sha256:` and 64 hexadecimal digits",
            pattern="^sha256:[0-9a-f]{64}$",
        ),
    ] = None
    vocabulary_size: Annotated[int | None, Field(ge=1)] = None
    context_length: Annotated[int | None, Field(ge=1)] = None
    parameters: Annotated[int | None, Field(ge=1)] = None
    tokens: Annotated[int | None, Field(description="corpus: training tokens", ge=0)] = None


class Score(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    suite: Annotated[str, Field(max_length=128, min_length=1)]
    metric: Annotated[str, Field(max_length=128, min_length=1)]
    value: float
    low: Annotated[float, Field(description="95 % confidence interval, lower end")]
    high: float
    count: Annotated[int, Field(ge=0)]


class PositionLoss(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    label: Annotated[str, Field(max_length=128, min_length=1)]
    from_: Annotated[int, Field(alias="from", ge=0)]
    to: Annotated[int, Field(ge=1)]
    loss: float


class CleanSource(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    name: Annotated[str, Field(min_length=1)]
    language: Annotated[
        str | None,
        Field(
            description="of all texts; absent: it is told from each",
            max_length=16,
            pattern="^(code|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*)$",
        ),
    ] = None
    languages: Annotated[
        list_aliased[
            Literal[
                "ace",
                "af",
                "am",
                "an",
                "ar",
                "ary",
                "arz",
                "as",
                "az",
                "ba",
                "bcl",
                "be",
                "bg",
                "bn",
                "br",
                "bs",
                "ca",
                "crh",
                "cs",
                "cy",
                "da",
                "de",
                "dz",
                "el",
                "en",
                "eo",
                "es",
                "et",
                "eu",
                "ext",
                "fa",
                "fi",
                "fo",
                "fr",
                "fuv",
                "fy",
                "ga",
                "gcf",
                "gcr",
                "gd",
                "gl",
                "gom",
                "grc",
                "gu",
                "gug",
                "guw",
                "ha",
                "hbo",
                "he",
                "hi",
                "hr",
                "ht",
                "hu",
                "hy",
                "id",
                "ig",
                "is",
                "it",
                "ja",
                "jv",
                "ka",
                "kab",
                "kik",
                "kk",
                "km",
                "kn",
                "ko",
                "ku",
                "ky",
                "la",
                "lb",
                "lg",
                "lij",
                "ln",
                "lo",
                "lt",
                "ltg",
                "lv",
                "mg",
                "mk",
                "ml",
                "mn",
                "mr",
                "ms",
                "mt",
                "my",
                "ne",
                "nl",
                "nn",
                "no",
                "nso",
                "oc",
                "om",
                "or",
                "pa",
                "pcm",
                "pl",
                "ps",
                "pt",
                "qu",
                "ro",
                "ru",
                "rw",
                "sa",
                "sdh",
                "se",
                "si",
                "sk",
                "sl",
                "sn",
                "so",
                "sq",
                "sr",
                "st",
                "sv",
                "sw",
                "ta",
                "te",
                "tg",
                "th",
                "tk",
                "tl",
                "tr",
                "tt",
                "ug",
                "uk",
                "ur",
                "uz",
                "uzs",
                "vec",
                "vi",
                "vo",
                "wa",
                "wuu",
                "xh",
                "yo",
                "yue",
                "zh",
                "zu",
            ]
        ]
        | None,
        Field(description="where language is absent: texts in others are passed over", min_length=1),
    ] = None
    licence: Annotated[str, Field(min_length=1)]
    format: Literal["warc", "wet", "html", "mediawiki", "jsonl", "parquet", "text", "code"]
    text_field: Annotated[
        str | None,
        Field(description="field or column of the texts in jsonl and parquet; absent: text", min_length=1),
    ] = None
    input: Input
    include: Annotated[
        list_aliased[str], Field(description="glob patterns below the input directory", min_length=1)
    ]


class CleanConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    sources: Annotated[list_aliased[CleanSource], Field(min_length=1)]
    tasks: Annotated[
        int,
        Field(
            description="number of tasks the files are divided into; never changes within a run",
            ge=1,
            le=100000,
        ),
    ]
    workers: Annotated[
        int, Field(description="number of pods; pod i does the tasks t with t mod workers = i", ge=1)
    ]
    extraction: ExtractionConfig
    stages: Annotated[
        list_aliased[CleaningStage],
        Field(description="what a document goes through after extraction, in order"),
    ]
    seed: Annotated[
        int,
        Field(
            description="seed of every random choice; the same seed gives the same bits", ge=0, le=2147483647
        ),
    ]


class TokenizerTraining(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    vocabulary_size: Annotated[int, Field(description="size before removal", ge=300, le=1000000)]
    training_bytes: Annotated[int, Field(description="at most this much text is sampled for training", ge=1)]
    parts: Annotated[
        list_aliased[MixturePart], Field(description="share of each language in the sample", min_length=1)
    ]
    max_words: Annotated[
        int,
        Field(
            description="distinct words counted at once; in larger samples the rarest beyond it are forgotten",
            ge=1000,
        ),
    ]
    removing: list_aliased[RemovalRule]


class MixtureConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    tokens: Annotated[
        int | None, Field(description="training tokens; absent: as many as the ratios allow", ge=1)
    ] = None
    parts: Annotated[list_aliased[MixturePart], Field(min_length=1)]
    max_epochs: Annotated[
        float,
        Field(
            description="how often a source's documents may be repeated to meet a language's ratio", ge=1.0
        ),
    ]
    sources: Annotated[
        list_aliased[MixtureSource],
        Field(description="sources whose weight is not 1 or that have a cap of their own"),
    ]
    licences: Annotated[
        list_aliased[str] | None,
        Field(
            description="documents of sources with other licences are used for nothing; absent: all are used",
            min_length=1,
        ),
    ] = None


class TokenizeConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    input: Annotated[
        str,
        Field(
            description="output directory of `deduplicate`",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    train_tokenizer: TokenizerTraining | None = None
    tokenizer: Input | None = None
    mixture: MixtureConfig
    held_out_ratio: Annotated[
        float,
        Field(
            description="share of each language's documents kept out of training, by hash of the document",
            gt=0.0,
            lt=1.0,
        ),
    ]
    shard_tokens: Annotated[int, Field(description="tokens per packed shard file", ge=1024)]
    memory_bytes: Annotated[
        int,
        Field(
            description="memory limit of the pod; what does not fit while packing is spilled to the work directory",
            ge=67108864,
        ),
    ]
    parents: Annotated[
        list_aliased[Input],
        Field(description="artifacts this corpus descends from, recorded in the manifest"),
    ]
    seed: Annotated[
        int,
        Field(
            description="seed of every random choice; the same seed gives the same bits", ge=0, le=2147483647
        ),
    ]


class LossByPositionConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    models: Annotated[
        list_aliased[LabelledModel],
        Field(
            description="models measured on the same documents, e.g. base, none, positionInterpolation",
            min_length=1,
        ),
    ]
    corpus: Input
    context_length: Annotated[int, Field(ge=8)]
    original_context_length: Annotated[
        int | None, Field(description="context window before; absent: that of the first model", ge=8)
    ] = None
    documents: Annotated[int, Field(ge=1)]
    passkey_trials: Annotated[
        int, Field(description="passkey prompts per depth and length; 0 measures none", ge=0)
    ]


class EvaluateConfig(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        regex_engine="python-re",
    )
    run: RunIdentity
    output: Annotated[
        str,
        Field(
            description="directory that the program owns and writes",
            min_length=1,
            pattern="^(?!\\/)(?!.*(^|\\/)\\.\\.(\\/|$)).+$",
        ),
    ]
    adopted: Annotated[
        bool | None,
        Field(
            description="the run continues what another run left in its directory; there must be something"
        ),
    ] = None
    threads: Annotated[
        int,
        Field(
            description="CPU threads to use; comes from the CPU limit, never from the machine", ge=1, le=1024
        ),
    ]
    model: Input | None = None
    suites: list_aliased[SuiteConfig]
    loss_by_position: LossByPositionConfig | None = None
    batch_size: Annotated[int, Field(ge=1)]
    parents: list_aliased[Input]
    seed: Annotated[
        int,
        Field(
            description="seed of every random choice; the same seed gives the same bits", ge=0, le=2147483647
        ),
    ]


class Manifest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    api_version: Literal["tanren.dev/v1alpha1"]
    type: Literal["corpus", "model", "measurement", "evaluation"]
    digest: Annotated[
        str,
        Field(
            description="sha256 of this manifest as canonical JSON (sorted keys, no spaces) without `digest` and `run`",
            pattern="^sha256:[0-9a-f]{64}$",
        ),
    ]
    run: RunIdentity
    files: Annotated[list_aliased[ManifestFile], Field(description="sorted by path")]
    parents: list_aliased[ManifestParent]
    metadata: Annotated[
        dict[str, Any], Field(description="figures and properties of the artifact; see ArtifactMetadata")
    ]


class Progress(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    stage: Annotated[str, Field(max_length=128, min_length=1)]
    uid: Annotated[
        str | None,
        Field(
            description="uid of the object that the program works for; absent: not known yet",
            max_length=128,
            min_length=1,
        ),
    ] = None
    step: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(description="0 while unknown", ge=0)]
    unit: Annotated[
        str,
        Field(description="what a step is: step, document, file, prompt, item", max_length=128, min_length=1),
    ]
    metrics: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=128)], float],
        Field(description="newest values, e.g. loss, lr, tokens_per_second", max_length=64),
    ]
    since: Annotated[
        str,
        Field(
            description="RFC 3339 time the stage began in this process",
            max_length=35,
            pattern="^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$",
        ),
    ]
    updated: Annotated[
        str,
        Field(
            description="RFC 3339 time of the newest step",
            max_length=35,
            pattern="^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$",
        ),
    ]
    funnel: Annotated[
        list_aliased[FunnelRow] | None,
        Field(description="of what this process has done so far", max_length=256),
    ] = None
    checkpoint_step: Annotated[
        int | None, Field(description="newest checkpoint that a restart would resume from", ge=0)
    ] = None
    resumed_from_step: Annotated[int | None, Field(ge=0)] = None
    checkpoints_passed_over: Annotated[
        int | None,
        Field(description="damaged checkpoints newer than the one that this process resumed from", ge=0),
    ] = None


class Result(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
    )
    reason: Literal[
        "Completed",
        "TokenizerMismatch",
        "PortInUse",
        "DiskFull",
        "InvalidConfig",
        "InvalidData",
        "ArtifactDamaged",
        "CheckpointsDamaged",
        "NoDocumentsLeft",
        "RatiosNotMet",
        "NoLongDocuments",
        "ModelTooLarge",
        "NoPreferencePairs",
        "NumericsDiverged",
        "InternalError",
        "PeerLost",
        "Terminated",
    ]
    message: Annotated[str, Field(description="one sentence: what, where, how to fix it", max_length=1000)]
    artifact: ArtifactResult | None = None
    metrics: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=128)], float],
        Field(
            description="final figures, e.g. loss, held_out_loss, unigram_entropy, rewards/accuracies",
            max_length=64,
        ),
    ]
    funnel: Annotated[list_aliased[FunnelRow] | None, Field(max_length=256)] = None
    scores: Annotated[list_aliased[Score] | None, Field(max_length=256)] = None
    position_losses: Annotated[list_aliased[PositionLoss] | None, Field(max_length=256)] = None
    step: Annotated[int | None, Field(ge=0)] = None
    resumed_from_step: Annotated[int | None, Field(ge=0)] = None
    checkpoints_passed_over: Annotated[
        int | None,
        Field(description="damaged checkpoints newer than the one that this process resumed from", ge=0),
    ] = None


class Contract(BaseModel):
    """
    Every shape that crosses the border between operator and kernels.
    """

    model_config = ConfigDict(
        frozen=True,
    )
    CleanConfig_1: Annotated[CleanConfig | None, Field(alias="CleanConfig")] = None
    DeduplicateConfig_1: Annotated[DeduplicateConfig | None, Field(alias="DeduplicateConfig")] = None
    TokenizeConfig_1: Annotated[TokenizeConfig | None, Field(alias="TokenizeConfig")] = None
    TrainConfig_1: Annotated[TrainConfig | None, Field(alias="TrainConfig")] = None
    GenerateConfig_1: Annotated[GenerateConfig | None, Field(alias="GenerateConfig")] = None
    JudgeConfig_1: Annotated[JudgeConfig | None, Field(alias="JudgeConfig")] = None
    EvaluateConfig_1: Annotated[EvaluateConfig | None, Field(alias="EvaluateConfig")] = None
    ServeConfig_1: Annotated[ServeConfig | None, Field(alias="ServeConfig")] = None
    Manifest_1: Annotated[Manifest | None, Field(alias="Manifest")] = None
    Progress_1: Annotated[Progress | None, Field(alias="Progress")] = None
    Result_1: Annotated[Result | None, Field(alias="Result")] = None


# Port of /healthz, /progress and /metrics.
PROGRAM_PORT = 9400

# Figures that a program may say at once.
MOST_METRICS = 64

# Exit code of each reason.
EXIT_CODES: dict[str, int] = {
    "Completed": 0,
    "TokenizerMismatch": 64,
    "PortInUse": 75,
    "DiskFull": 75,
    "InvalidConfig": 64,
    "InvalidData": 64,
    "ArtifactDamaged": 64,
    "CheckpointsDamaged": 64,
    "NoDocumentsLeft": 64,
    "RatiosNotMet": 64,
    "NoLongDocuments": 64,
    "ModelTooLarge": 64,
    "NoPreferencePairs": 64,
    "NumericsDiverged": 86,
    "InternalError": 1,
    "PeerLost": 75,
    "Terminated": 143,
}
