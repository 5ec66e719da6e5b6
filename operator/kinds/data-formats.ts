import { z } from "zod";

/**
 * What the kernel programs ask of the files that people bring, as far as a first look can tell: what is
 * refused here is refused there. A case of each stands in data-formats.cases.json, which the kernels' tests
 * read too.
 */

export type DataFormat =
  | "conversations"
  | "prompts"
  | "preferences"
  | "examples"
  | "list"
  | "jcommonsenseqa"
  | "jsquad"
  | "warc"
  | "wet"
  | "html"
  | "mediawiki"
  | "jsonl"
  | "parquet"
  | "text"
  | "code"
  | "model"
  | "tokenizer";

export interface FormatEntry {
  /**
   * What a path may be: a `file`; `lines`, a file or a directory of .jsonl files; `tree`, a directory whose
   * files patterns choose; `model`, a directory with config.json; `tokenizer`, a file or a directory with one.
   */
  place: "file" | "lines" | "tree" | "model" | "tokenizer";
  /** The shape of the first record, and how to mend another; absent: nothing is asked of the content. */
  record?: z.ZodType;
  /** Whether a file is one record, or has one on each line. */
  whole?: boolean;
  /** Whether a program passes over records of another shape, and counts them. */
  lenient?: boolean;
  mend: string;
}

const Message = z.looseObject({ role: z.enum(["system", "user", "assistant"]), content: z.string() });
const Messages = z.array(Message).min(1, "must have a message");

const Prompts = z.looseObject({
  messages: Messages.refine((messages) => messages.at(-1)?.role === "user", "must end with a turn of user"),
  reference: z.string().nullish(),
});

/** A number, also as pydantic reads one out of a text. */
const label = z.union([z.int().min(0).max(4), z.string().regex(/^[0-4]$/)]);
const choice = z.string();

const Choices = z.looseObject({
  q_id: z.union([z.int(), z.string()]),
  question: z.string(),
  choice0: choice,
  choice1: choice,
  choice2: choice,
  choice3: choice,
  choice4: choice,
  label,
});

const Answer = z.looseObject({ text: z.string() });
const Question = z.looseObject({ id: z.string(), question: z.string(), answers: z.array(Answer).min(1) });
const Paragraph = z.looseObject({ context: z.string(), qas: z.array(Question) });
const Squad = z.looseObject({ data: z.array(z.looseObject({ paragraphs: z.array(Paragraph) })) });

const withText = "give a JSON object with a string `text` on each line";

export const formats: Record<DataFormat, FormatEntry> = {
  conversations: {
    place: "lines",
    record: z.looseObject({ messages: Messages }),
    mend: "give a JSON object with `messages` ([{role, content}, ...]) on each line",
  },
  prompts: {
    place: "lines",
    record: Prompts,
    mend: "give a JSON object with `messages` that end with a user turn, and optionally `reference`, on each line",
  },
  preferences: {
    place: "lines",
    record: z.looseObject({ prompt: Messages, chosen: z.string(), rejected: z.string() }),
    mend: "give a JSON object with `prompt` (messages), `chosen` and `rejected` (texts) on each line",
  },
  examples: { place: "file", record: z.looseObject({ text: z.string() }), mend: withText },
  list: { place: "file", mend: "give a text file with an entry on each line" },
  jcommonsenseqa: {
    place: "lines",
    record: Choices,
    mend: "give JSON lines as JGLUE publishes JCommonsenseQA",
  },
  jsquad: { place: "file", record: Squad, whole: true, mend: "give SQuAD's JSON as JGLUE publishes JSQuAD" },
  jsonl: { place: "tree", record: z.looseObject({ text: z.string() }), lenient: true, mend: withText },
  warc: { place: "tree", mend: "give WARC or ARC files" },
  wet: { place: "tree", mend: "give WET files" },
  html: { place: "tree", mend: "give HTML files" },
  mediawiki: { place: "tree", mend: "give XML dumps of MediaWiki" },
  parquet: { place: "tree", mend: "give Parquet files" },
  text: { place: "tree", mend: "give text files" },
  code: { place: "tree", mend: "give source files" },
  model: { place: "model", mend: "give a model directory in Hugging Face layout" },
  tokenizer: {
    place: "tokenizer",
    mend: "give a tokenizer.json or a SentencePiece model, or a directory with tokenizer.json or tokenizer.model",
  },
};

/** JSON lines whose texts stand in another field than `text`. */
const withField = (field: string) => ({
  record: z.looseObject({ [field]: z.string() }),
  mend: `give a JSON object with a string \`${field}\` on each line, or correct textField`,
});

/** What a directory has its tokenizer in: Hugging Face's file or SentencePiece's. */
export const tokenizerFiles = ["tokenizer.json", "tokenizer.model"];

/** What is wrong with a file's first record; undefined: nothing that a first look shows. */
export function recordProblem(format: DataFormat, text: string, textField?: string): string | undefined {
  const { record, mend } =
    format === "jsonl" && textField !== undefined ? withField(textField) : formats[format];
  if (record === undefined) return undefined;
  const value = parseJson(text);
  if (value === undefined) return `is no JSON; ${mend}`;
  const issue = record.safeParse(value, { reportInput: true }).error?.issues[0];
  if (issue === undefined) return undefined;
  const field = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`));
  return `${field.join("").slice(1) || "the record"} ${shortcoming(issue)}; ${mend}`;
}

/** Undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function shortcoming(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is missing" : `must be ${issue.expected}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "invalid_union":
      return "has another type or value than it may have";
    default:
      return issue.message;
  }
}
