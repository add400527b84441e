// What is kept of conversations. A conversation is a tree: who edits a message or asks again makes
// a sibling.

export type Role = "user" | "assistant";
export type MessageState = "writing" | "done" | "stopped" | "failed";

export interface ToolCall {
  name: string;
  arguments: string;
}

/** What is known of how an answer came about; what the server did not say is absent. */
export interface AnswerInfo {
  model?: string;
  /** Where it was computed, as the server says: "local" or a name. */
  servedBy?: string;
  /** Bytes that left the machine for this answer, as the server says. */
  bytesSent?: number;
  promptTokens?: number;
  answerTokens?: number;
  /** Pieces of text that arrived, for servers that count no tokens. */
  pieces: number;
  tokensPerSecond?: number;
  /** Where tokensPerSecond comes from: the server's clock, or pieces counted by this page's. */
  rateBy?: "server" | "page";
  /** From sending the request to the first piece, by this page's clock. */
  firstMs?: number;
  finish?: string;
}

export interface Message {
  id: string;
  conversation: string;
  parent: string | null;
  role: Role;
  text: string;
  reasoning?: string;
  tools?: ToolCall[];
  state: MessageState;
  error?: string;
  info?: AnswerInfo;
  created: number;
  /** When it was stored last; tells a tab whether another one is still writing it. */
  saved: number;
  /** The tab that writes it. */
  owner?: string;
}

export type Kind = "chat" | "text";

/**
 * All of a conversation but its messages, which are stored one by one so that tabs cannot undo each
 * other's.
 */
export interface Meta {
  id: string;
  kind: Kind;
  title: string;
  /** Whether a person chose the title. */
  named: boolean;
  system: string;
  /** The message at which the shown path ends. */
  leaf: string | null;
  /** Messages before this one are no longer sent, because the context had no room for them. */
  start: string | null;
  created: number;
  changed: number;
}

export interface Conversation {
  meta: Meta;
  messages: Map<string, Message>;
}

/** Sampling settings; what is absent is left to the server. */
export interface Sampling {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  repeat_penalty?: number;
  max_tokens?: number;
  seed?: number;
}
