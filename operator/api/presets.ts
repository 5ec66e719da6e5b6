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

/** GPUs the plan knows. Figures: vendor data sheets, dense bfloat16 tensor throughput. */
export const accelerators = {
  "a100-40gb": { product: "NVIDIA-A100-SXM4-40GB", memoryBytes: 40 * 2 ** 30, bfloat16Flops: 312e12 },
  "a100-80gb": { product: "NVIDIA-A100-SXM4-80GB", memoryBytes: 80 * 2 ** 30, bfloat16Flops: 312e12 },
  "h100-80gb": { product: "NVIDIA-H100-80GB-HBM3", memoryBytes: 80 * 2 ** 30, bfloat16Flops: 989e12 },
  "h200-141gb": { product: "NVIDIA-H200", memoryBytes: 141 * 2 ** 30, bfloat16Flops: 989e12 },
} as const;

export type AcceleratorName = keyof typeof accelerators;

export const acceleratorNames = Object.keys(accelerators) as [AcceleratorName, ...AcceleratorName[]];
