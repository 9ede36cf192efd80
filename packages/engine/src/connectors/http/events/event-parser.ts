/** An event as the server sent it. */
export interface ServerSentEvent {
  /** 'message' where the server names none. */
  readonly type: string
  readonly data: string
  /** The last id that was sent and has no control characters, with this event or before it; '' for none. */
  readonly lastEventId: string
}

/**
 * Whether a server could be asked by it for what follows. The standard passes over ids with a zero character; no other control character but the tab can be in a header that Node sends. Passed
 * over too, such an id costs events that come twice after a connection broke; kept, it would leave no connection that can be made.
 */
export function isEventId(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)
}

/**
 * Reads an event stream as the HTML standard has it (section 9.2.6), in pieces that end anywhere.
 *
 * 1. What comes after the last empty line is no event yet, and none if the stream ends there.
 * 2. Nothing longer than the limit is kept.
 */
export class EventParser {
  readonly #limitCharacters: number
  readonly #onTooLarge: () => void
  /** The line that has not ended. */
  #line = ''
  /** The last character was a CR: an LF that follows belongs to it. */
  #afterReturn = false
  #type = ''
  #data: string[] = []
  #dataCharacters = 0
  #lastEventId: string
  /** The id to ask the server to go on after. */
  dispatchedId: string
  /** Milliseconds; undefined until the server asks for a time. */
  retryMs: number | undefined

  constructor(lastEventId: string, limitCharacters: number, onTooLarge: () => void) {
    this.#lastEventId = lastEventId
    this.dispatchedId = lastEventId
    this.#limitCharacters = limitCharacters
    this.#onTooLarge = onTooLarge
  }

  push(text: string): readonly ServerSentEvent[] {
    const events: ServerSentEvent[] = []
    let from = this.#afterReturn && text.startsWith('\n') ? 1 : 0
    if (text !== '') this.#afterReturn = false
    for (let at = nextEnd(text, from); at >= 0; at = nextEnd(text, from)) {
      const event = this.#endLine(this.#line + text.slice(from, at))
      this.#line = ''
      if (event !== undefined) events.push(event)
      const isReturn = text[at] === '\r'
      if (isReturn && at + 1 === text.length) this.#afterReturn = true
      from = at + (isReturn && text[at + 1] === '\n' ? 2 : 1)
    }
    this.#line += text.slice(from)
    if (this.#line.length + this.#dataCharacters > this.#limitCharacters) this.#onTooLarge()
    return events
  }

  #endLine(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined // a comment
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (name === 'data') {
      this.#data.push(value)
      this.#dataCharacters += value.length + 1
      if (this.#dataCharacters > this.#limitCharacters) this.#onTooLarge()
    } else if (name === 'event') this.#type = value
    else if (name === 'id' && isEventId(value)) this.#lastEventId = value
    else if (name === 'retry' && /^\d{1,9}$/.test(value)) this.retryMs = Number(value)
    return undefined
  }

  #dispatch(): ServerSentEvent | undefined {
    const data = this.#data
    const type = this.#type
    this.#data = []
    this.#dataCharacters = 0
    this.#type = ''
    this.dispatchedId = this.#lastEventId
    if (data.length === 0) return undefined
    return { type: type === '' ? 'message' : type, data: data.join('\n'), lastEventId: this.#lastEventId }
  }
}

function nextEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) if (text[at] === '\n' || text[at] === '\r') return at
  return -1
}
