// A mail server that keeps the mails it receives.
import { buffer } from 'node:stream/consumers';
import { expect } from '@playwright/test';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  to: string;
  subject: string;
  text: string;
}

export class Mailbox {
  readonly #mails: Mail[] = [];
  readonly #server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => void this.#store(stream, session.envelope.rcptTo).then(() => done(), done),
  });

  /** Starts the mail server. Returns the SMTP_URL for Docket. */
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.server.address();
    if (!address || typeof address === 'string') throw new Error('The mail server has no port.');
    return `smtp://127.0.0.1:${address.port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(resolve));
  }

  /** All mails to this address so far, oldest first. */
  to(address: string): Mail[] {
    return this.#mails.filter((mail) => mail.to === address);
  }

  /** Waits for a mail about `subject`. Returns the path and the fragment of the link in the newest one. */
  async link(address: string, subject: RegExp): Promise<string> {
    const mails = () => this.to(address).filter((mail) => subject.test(mail.subject));
    await expect.poll(() => mails().length, `a mail to ${address} about ${subject}`).toBeGreaterThan(0);
    const link = /https?:\/\/\S+/.exec(mails().at(-1)?.text ?? '')?.[0] ?? '';
    const { pathname, hash } = new URL(link);
    return pathname + hash;
  }

  /** The token in the link of the newest mail about `subject`. */
  async token(address: string, subject: RegExp): Promise<string> {
    return (await this.link(address, subject)).split('#token=')[1] ?? '';
  }

  async #store(stream: NodeJS.ReadableStream, to: { address: string }[]) {
    const { subject = '', text = '' } = await PostalMime.parse(await buffer(stream));
    for (const { address } of to) this.#mails.push({ to: address, subject, text });
  }
}
