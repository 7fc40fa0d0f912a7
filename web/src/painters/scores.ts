const MOST = 40;

/** The numbers of a tree of scores, by their paths, the outer ones first. */
export function numbers(tree: unknown): [string, string][] {
  const found: [string, string][] = [];
  const walk = (node: unknown, path: string[]): void => {
    if (typeof node === "number") found.push([path.join(" › "), Number.isInteger(node) ? String(node) : node.toPrecision(4)]);
    else if (typeof node === "object" && node !== null && !Array.isArray(node)) {
      for (const [name, value] of Object.entries(node)) walk(value, [...path, name]);
    }
  };
  walk(tree, []);
  return found.sort(([a], [b]) => a.split("›").length - b.split("›").length).slice(0, MOST);
}
