import type { ComponentChildren } from "preact";
import { grouped } from "../errors";
import { serverPlace, shortName } from "../server";
import type { AnswerInfo } from "../types";

function seconds(ms: number): string {
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  return ms < 9950 ? `${(ms / 1000).toFixed(ms < 995 ? 2 : 1)} s` : `${grouped(ms / 1000)} s`;
}

function rate(value: number): string {
  return value < 99.95 ? value.toFixed(1) : grouped(value);
}

function tokens(count: number): string {
  return `${grouped(count)} ${count === 1 ? "token" : "tokens"}`;
}

/** Where it was made and what left that machine, as the server says. */
function Place({ info }: { info: AnswerInfo }) {
  const { servedBy, bytesSent } = info;
  const place = serverPlace();
  const here = servedBy === "local";
  const machine = place === "this machine" ? place : "that machine";
  const made = servedBy === undefined ? "where it was made: not stated" : here ? place : servedBy;
  const left =
    bytesSent === undefined
      ? `what left ${machine}: not stated`
      : `${grouped(bytesSent)} ${bytesSent === 1 ? "byte" : "bytes"} left ${machine}`;
  const kept = here && bytesSent === 0;
  if (servedBy === undefined && bytesSent === undefined) {
    return <span>where it was made and what left {machine}: not stated</span>;
  }
  return (
    <span class={kept ? "place-line kept" : "place-line"}>
      {kept && <span class="dot" aria-hidden="true" />}
      {made} · {left}
    </span>
  );
}

/** One quiet line below an answer. */
export function AnswerLine({ info, live }: { info: AnswerInfo; live: boolean }) {
  const { model, answerTokens, pieces, tokensPerSecond, rateBy, firstMs } = info;
  const facts: ComponentChildren[] = [];
  if (tokensPerSecond !== undefined) {
    const exact = rateBy === "server";
    facts.push(
      <span title={exact ? "By the server's clock" : "Pieces that arrived in a second"}>
        {exact ? "" : "≈ "}
        {rate(tokensPerSecond)} tokens/s
      </span>,
    );
  }
  if (answerTokens !== undefined) facts.push(tokens(answerTokens));
  else if (pieces > 0) facts.push(`≈ ${tokens(pieces)}`);
  if (firstMs !== undefined) {
    facts.push(
      <span title="From the request to the first piece, by this page's clock">
        first after {seconds(firstMs)}
      </span>,
    );
  }
  return (
    <div class="answer-line" aria-hidden={live ? "true" : undefined}>
      {!live && <Place info={info} />}
      {model && <span title={model}>{shortName(model)}</span>}
      {facts.map((fact, i) => (
        <span key={i}>{fact}</span>
      ))}
    </div>
  );
}
