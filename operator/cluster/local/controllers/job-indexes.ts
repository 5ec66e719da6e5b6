/** Sets of completion indexes in the notation of a Job's status: three or more in a row have a hyphen, "0,1,3-5". */

export function parseIndexes(text = ""): Set<number> {
  const indexes = new Set<number>();
  for (const range of text.split(",").filter(Boolean)) {
    const [first = 0, last = first] = range.split("-").map(Number);
    for (let index = first; index <= last; index++) indexes.add(index);
  }
  return indexes;
}

export function formatIndexes(indexes: ReadonlySet<number>): string {
  const ranges: [first: number, last: number][] = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range && range[1] === index - 1) range[1] = index;
    else ranges.push([index, index]);
  }
  const format = ([first, last]: [number, number]) => {
    if (first === last) return `${first}`;
    return `${first}${last === first + 1 ? "," : "-"}${last}`;
  };
  return ranges.map(format).join(",");
}
