/** Named LLaMA shapes. Sizes of 7B and 13B: Touvron et al. 2023, table 2. */
export interface Shape {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  attentionHeads: number;
  keyValueHeads: number;
  tieWordEmbeddings: boolean;
}

const shape = (
  hiddenSize: number,
  intermediateSize: number,
  layers: number,
  attentionHeads: number,
  tieWordEmbeddings = false,
): Shape => ({
  hiddenSize,
  intermediateSize,
  layers,
  attentionHeads,
  keyValueHeads: attentionHeads,
  tieWordEmbeddings,
});

export const presets = {
  "llama-13b": shape(5120, 13824, 40, 40),
  "llama-7b": shape(4096, 11008, 32, 32),
  "llama-1b": shape(2048, 5504, 22, 16),
  "llama-110m": shape(768, 2048, 12, 12),
  "llama-15m": shape(288, 768, 6, 6, true),
  "llama-2m": shape(192, 512, 3, 6, true),
  "llama-tiny": shape(64, 176, 2, 4, true),
} as const satisfies Record<string, Shape>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as [PresetName, ...PresetName[]];
