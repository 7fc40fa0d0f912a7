/** The Markdown that cards are written in, as elements: nothing in a card can become HTML. */
import { Anchor, Code, Table, Title } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./Markdown.module.css";

type Block =
  | { kind: "heading"; level: number; text: string }
  | { kind: "code"; text: string }
  | { kind: "list"; ordered: boolean; items: string[] }
  | { kind: "table"; rows: string[][] }
  | { kind: "paragraph"; text: string };

const ITEM = /^\s*(?:[-*+]|\d+[.)])\s+/;

export function Markdown({ text }: { text: string }) {
  return <div className={classes.text}>{blocks(text).map((block, i) => shown(block, i))}</div>;
}

function shown(block: Block, key: number): ReactNode {
  switch (block.kind) {
    case "heading":
      // The dialog's title is the second level.
      return (
        <Title key={key} order={block.level < 2 ? 3 : 4}>
          {inline(block.text)}
        </Title>
      );
    case "code":
      return (
        <Code key={key} block tabIndex={0}>
          {block.text}
        </Code>
      );
    case "list": {
      const items = block.items.map((item, i) => <li key={i}>{inline(item)}</li>);
      return block.ordered ? <ol key={key}>{items}</ol> : <ul key={key}>{items}</ul>;
    }
    case "table":
      return <Rows key={key} rows={block.rows} />;
    case "paragraph":
      return <p key={key}>{inline(block.text)}</p>;
  }
}

function Rows({ rows: [head = [], ...rows] }: { rows: string[][] }) {
  return (
    <div className={classes.scroll} tabIndex={0} role="region" aria-label={head.join(", ")}>
      <Table>
        <Table.Thead>
          <Table.Tr>
            {head.map((cell, i) =>
              cell ? (
                <Table.Th key={i} scope="col">
                  {inline(cell)}
                </Table.Th>
              ) : (
                <Table.Td key={i} />
              ),
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, i) => (
            <Table.Tr key={i}>
              {row.map((cell, j) => (
                <Table.Td key={j}>{inline(cell)}</Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** `code`, **bold**, *emphasis* and links to the web; everything else is text. */
function inline(text: string): ReactNode[] {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]+\]\([^)\s]+\))/).map((part, i) => {
    if (part.startsWith("`") && part.endsWith("`") && part.length > 2) return <Code key={i}>{part.slice(1, -1)}</Code>;
    if (part.startsWith("**") && part.length > 4) return <strong key={i}>{part.slice(2, -2)}</strong>;
    if (part.startsWith("*") && part.endsWith("*") && part.length > 2) return <em key={i}>{part.slice(1, -1)}</em>;
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    if (!link) return part;
    const [, label, address = ""] = link;
    if (!/^https?:\/\//.test(address)) return label;
    return (
      <Anchor key={i} href={address} target="_blank" rel="noreferrer noopener" underline="always">
        {label}
      </Anchor>
    );
  });
}

function blocks(text: string): Block[] {
  // What stands before the text in a card is for hubs that list it.
  const lines = text.replace(/^---\n[\s\S]*?\n---\n/, "").split("\n");
  const found: Block[] = [];
  let at = 0;
  const take = (while_: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && while_(lines[at] ?? "")) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? "";
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (!line.trim()) at++;
    else if (heading) {
      found.push({ kind: "heading", level: heading[1]?.length ?? 1, text: heading[2] ?? "" });
      at++;
    } else if (line.startsWith("```")) {
      at++;
      found.push({ kind: "code", text: take((each) => !each.startsWith("```")).join("\n") });
      at++;
    } else if (line.startsWith("    ")) {
      found.push({
        kind: "code",
        text: take((each) => each.startsWith("    "))
          .map((each) => each.slice(4))
          .join("\n"),
      });
    } else if (line.startsWith("|")) {
      const rows = take((each) => each.startsWith("|")).filter((each) => !/^\|[\s:|-]+\|?\s*$/.test(each));
      found.push({
        kind: "table",
        rows: rows.map((row) =>
          row
            .replace(/^\||\|\s*$/g, "")
            .split("|")
            .map((cell) => cell.trim()),
        ),
      });
    } else if (ITEM.test(line)) {
      const taken = take((each) => ITEM.test(each) || /^\s{2,}\S/.test(each));
      const items: string[] = [];
      for (const each of taken) {
        if (ITEM.test(each) || items.length === 0) items.push(each.replace(ITEM, ""));
        else items.push(`${items.pop() ?? ""} ${each.trim()}`);
      }
      found.push({ kind: "list", ordered: /^\s*\d/.test(line), items });
    } else {
      const plain = (each: string) => !!each.trim() && !/^(#{1,6}\s|```|\|)/.test(each) && !ITEM.test(each);
      found.push({ kind: "paragraph", text: take(plain).join(" ") || (lines[at++] ?? "") });
    }
  }
  return found;
}
