// Conversations of a browser that lets the page keep nothing; they are gone with the tab.

import type { Store } from "./storage";
import type { Conversation, Message, Meta } from "./types";

export class Memory implements Store {
  private readonly kept = new Map<string, Conversation>();

  async list(): Promise<Meta[]> {
    return [...this.kept.values()].map(({ meta }) => ({ ...meta }));
  }

  async load(id: string): Promise<Conversation | null> {
    const found = this.kept.get(id);
    return found ? structuredClone(found) : null;
  }

  async merge({ meta, messages }: Conversation): Promise<void> {
    const present = this.kept.get(meta.id) ?? { meta, messages: new Map<string, Message>() };
    if (present.meta.changed < meta.changed) present.meta = meta;
    for (const message of messages.values()) {
      const old = present.messages.get(message.id);
      if (!old || old.text.length < message.text.length) present.messages.set(message.id, message);
    }
    this.kept.set(meta.id, structuredClone(present));
  }

  async patch(id: string, changes: Partial<Meta>): Promise<boolean> {
    const found = this.kept.get(id);
    if (found) found.meta = { ...found.meta, ...changes, id };
    return found !== undefined;
  }

  async putMessage(message: Message): Promise<boolean> {
    const found = this.kept.get(message.conversation);
    found?.messages.set(message.id, structuredClone(message));
    return found !== undefined;
  }

  async remove(id: string): Promise<void> {
    this.kept.delete(id);
  }

  async scan(see: (messages: Message[]) => boolean): Promise<void> {
    for (const { messages } of this.kept.values()) {
      if (!see([...messages.values()])) return;
    }
  }
}
