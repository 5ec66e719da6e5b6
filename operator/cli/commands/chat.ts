import { readFile } from "node:fs/promises";
import { Command } from "commander";
import { ChatClient, endpointAt } from "../chat/client.ts";
import { Conversation, converse } from "../chat/conversation.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, endpointOf, parseKind, rootCondition, title } from "../kinds.ts";
import { positiveInteger, temperature, withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { printable } from "../terminal/printable.ts";

interface ChatOptions {
  namespace?: string;
  url?: string;
  message?: string;
  system?: string;
  keyFile?: string;
  maxTokens?: number;
  temperature?: number;
}

export function chatCommand(): Command {
  const command = new Command("chat")
    .description("talk to the model that an InferenceDeployment serves")
    .argument("[name]", "name of the InferenceDeployment")
    .option("-m, --message <text>", "one message; its answer is printed and the command ends")
    .option("--system <text>", "system message the conversation starts with")
    .option("--key-file <file>", "file with the API key, where the deployment asks for one")
    .option("--url <url>", "use this OpenAI-compatible endpoint instead of a deployment's")
    .option("--max-tokens <n>", "longest answer in tokens", positiveInteger)
    .option(
      "--temperature <t>",
      "0 takes the most likely token, 1 samples from the model's own distribution (default: the endpoint's, 1)",
      temperature,
    )
    .action(onTarget(chat))
    .addHelpText(
      "after",
      "\nOn a Kubernetes cluster a ready pod is reached through the API server, as with\nkubectl port-forward.",
    );
  return withHelp(command, [
    "tanren chat assistant",
    'tanren chat assistant -m "日本の首都はどこですか。"',
    "tanren chat assistant --key-file key.txt --max-tokens 200 --temperature 0",
    "kubectl tanren chat assistant -n team-a --key-file key.txt",
    "tanren chat --url https://models.example.org --key-file key.txt",
  ]);
}

async function chat(target: Target, options: ChatOptions, name?: string): Promise<void> {
  if ((name === undefined) === (options.url === undefined))
    throw new Failure("usage", "name the endpoint either as an InferenceDeployment or by --url");
  const key = options.keyFile === undefined ? undefined : await keyIn(options.keyFile);
  if (options.url !== undefined) return talk(new ChatClient(...endpointAt(options.url), key), options);
  const reference = { kind: parseKind("inferencedeployment"), name: name ?? "" };
  await withConnection(target, async (connection) => {
    const deployment = await findObject(connection, target, reference, options.namespace);
    requireReady(deployment, target);
    await talk(new ChatClient(() => connection.reach(deployment), title(deployment), key), options);
  });
}

async function talk(client: ChatClient, options: ChatOptions): Promise<void> {
  const conversation = new Conversation(client, await client.model(), options);
  if (options.message !== undefined)
    return conversation.send(options.message, (text) =>
      process.stdout.write(process.stdout.isTTY ? printable(text) : text),
    );
  if (process.stdin.isTTY) return converse(conversation, { input: process.stdin, output: process.stdout });
  throw new Failure("usage", "standard input is no terminal: give the message with --message TEXT");
}

function requireReady(deployment: AnyObject, { hint }: Target): void {
  // During a rollout, or without one replica, the others keep serving.
  if (endpointOf(deployment) !== undefined) return;
  const root = rootCondition(deployment);
  const why = root ? `${root.reason}: ${root.message}` : "the operator has not looked at it yet";
  throw new Failure(
    "failed",
    `${title(deployment)} is not ready (${why}); see ${hint(`describe infd ${deployment.metadata.name}`)}`,
  );
}

async function keyIn(file: string): Promise<string> {
  const key = (await readFile(file, "utf8").catch(() => "")).trim();
  if (key === "") throw new Failure("notFound", `--key-file ${file}: the file cannot be read or is empty`);
  return key;
}
