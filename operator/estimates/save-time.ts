/** What a rank surely writes to a claim per second, and what a claim surely takes from all of them together. */
const bytesPerSecondOfRank = 100e6;
const bytesPerSecondOfClaim = 1e9;

/** Seconds that a checkpoint may take to be written by the ranks that have a part of it. */
export const saveSeconds = (checkpointBytes: number, ranks: number): number =>
  Math.ceil(checkpointBytes / Math.min(ranks * bytesPerSecondOfRank, bytesPerSecondOfClaim));
