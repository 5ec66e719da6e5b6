import { Lexer, type MarkedToken, type Token, type Tokens } from "marked";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";

/**
 * Markdown of a model's answer. The text is only ever parsed, by marked's lexer, and its parts become elements one
 * by one: no HTML is made of strings, so there is none to be cleaned. HTML within an answer is shown as text, links
 * lead to web and mail addresses alone, and pictures are named and not loaded.
 */
export function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => new Lexer({ gfm: true, breaks: true }).lex(text), [text]);
  return <div class="markdown">{blocks(tokens)}</div>;
}

const isKnown = (token: Token): token is MarkedToken => "type" in token;

const blocks = (tokens: readonly Token[] = []): ComponentChildren =>
  tokens.map((token, index) => (isKnown(token) ? <Block key={index} token={token} /> : token));

const headings = ["h3", "h4", "h5", "h6", "h6", "h6"] as const;

function Block({ token }: { token: MarkedToken }): ComponentChildren {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": {
      const Heading = headings[token.depth - 1] ?? "h6";
      return <Heading>{blocks(token.tokens)}</Heading>;
    }
    case "paragraph":
      return <p>{blocks(token.tokens)}</p>;
    case "blockquote":
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case "hr":
      return <hr />;
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre class="code" tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case "list":
      return token.ordered ? (
        <ol start={typeof token.start === "number" ? token.start : undefined}>{items(token.items)}</ol>
      ) : (
        <ul>{items(token.items)}</ul>
      );
    case "table":
      return <MarkdownTable token={token} />;
    default:
      return <Inline token={token} />;
  }
}

const items = (list: readonly Tokens.ListItem[]) =>
  list.map((item, index) => <li key={index}>{blocks(item.tokens)}</li>);

function MarkdownTable({ token }: { token: Tokens.Table | Tokens.Generic }) {
  const { header, rows } = token as Tokens.Table;
  return (
    <table>
      <thead>
        <tr>
          {header.map((cell, index) => (
            <th key={index}>{blocks(cell.tokens)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={index}>
            {row.map((cell, column) => (
              <td key={column}>{blocks(cell.tokens)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Inline({ token }: { token: MarkedToken }): ComponentChildren {
  switch (token.type) {
    case "text":
      return "tokens" in token && token.tokens ? blocks(token.tokens) : plain(token.text);
    case "escape":
      return token.text;
    case "strong":
      return <strong>{blocks(token.tokens)}</strong>;
    case "em":
      return <em>{blocks(token.tokens)}</em>;
    case "del":
      return <del>{blocks(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link href={token.href}>{blocks(token.tokens)}</Link>;
    case "image":
      return <Link href={token.href}>{`🖼 ${token.text || token.href}`}</Link>;
    default:
      // HTML above all: as it was written.
      return token.raw;
  }
}

/** marked leaves entities of text as they are written, for a browser to read. */
const plain = (text: string) =>
  text.replaceAll(/&(lt|gt|amp|quot|#39);/g, (whole, name: string) => entities[name] ?? whole);

const entities: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return <span>{children}</span>;
  return (
    <a href={href} rel="noopener noreferrer nofollow" target="_blank">
      {children}
    </a>
  );
}
