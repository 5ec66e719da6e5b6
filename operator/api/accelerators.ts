/** GPUs the plan knows. Figures: vendor data sheets, dense bfloat16 tensor throughput. */
export const accelerators = {
  "a100-40gb": { product: "NVIDIA-A100-SXM4-40GB", memoryBytes: 40 * 2 ** 30, bfloat16Flops: 312e12 },
  "a100-80gb": { product: "NVIDIA-A100-SXM4-80GB", memoryBytes: 80 * 2 ** 30, bfloat16Flops: 312e12 },
  "h100-80gb": { product: "NVIDIA-H100-80GB-HBM3", memoryBytes: 80 * 2 ** 30, bfloat16Flops: 989e12 },
  "h200-141gb": { product: "NVIDIA-H200", memoryBytes: 141 * 2 ** 30, bfloat16Flops: 989e12 },
} as const;

export type AcceleratorName = keyof typeof accelerators;

export const acceleratorNames = Object.keys(accelerators) as [AcceleratorName, ...AcceleratorName[]];
