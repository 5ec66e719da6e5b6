import { render } from "preact";
import { expect, test } from "vitest";
import { Markdown } from "./markdown.tsx";

function rendered(text: string): HTMLElement {
  const place = document.createElement("div");
  render(<Markdown text={text} />, place);
  return place;
}

test.each([
  "<script>alert(1)</script>",
  '<img src=x onerror="alert(1)">',
  "[click](javascript:alert(1))",
  "[click](JaVaScRiPt:alert(1))",
  "[click](&#106;avascript:alert(1))",
  "[click](data:text/html,<script>alert(1)</script>)",
  "<javascript:alert(1)>",
  "![picture](https://elsewhere.example/pixel.png)",
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  "<svg><animate onbegin=alert(1) attributeName=x></svg>",
  "[a]: javascript:alert(1)\n\n[a]",
  "- <a href=javascript:alert(1)>x</a>\n\n| a |\n|-|\n| <b onclick=alert(1)>x</b> |",
])("nothing of %j is executed or loaded", (text) => {
  const place = rendered(text);
  expect(place.querySelectorAll("script, img, iframe, svg, object, embed, style, link")).toHaveLength(0);
  for (const element of place.querySelectorAll("*")) {
    expect([...element.attributes].filter(({ name }) => name.startsWith("on"))).toEqual([]);
    const href = element.getAttribute("href");
    if (href !== null) expect(href).toMatch(/^(https?:\/\/|mailto:)/);
  }
});

test("what models write is shown as they mean it", () => {
  const place = rendered(
    "# Title\n\n**bold** `a < b` &lt; 1 [web](https://example.com)\n\n1. one\n2. two\n\n```js\n<b>\n```",
  );
  expect(place.querySelector("h3")?.textContent).toBe("Title");
  expect(place.querySelector("strong")?.textContent).toBe("bold");
  expect(place.querySelector("p code")?.textContent).toBe("a < b");
  expect(place.querySelector("p")?.textContent).toContain("< 1");
  expect(place.querySelector("a")?.getAttribute("href")).toBe("https://example.com");
  expect([...place.querySelectorAll("ol > li")].map((item) => item.textContent)).toEqual(["one", "two"]);
  expect(place.querySelector("pre")?.textContent).toBe("<b>");
});
