/** When to try again, and what an answer says about it. Pure. */
import type { Random } from '@millrace/core'

/** Statuses after which the same request may succeed: time-outs, too early, too many, and what a server or one before it cannot do now. */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504])

export function mayHelpLater(status: number): boolean {
  return LATER.has(status)
}

/**
 * What `Retry-After` asks for, in milliseconds: seconds or a date. Undefined for anything else, and where it asks for no time at all, as `0` or a clock that is behind does: who heeded that
 * would ask again without a pause.
 */
export function retryAfterMs(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  const delayMs = /^\s*\d{1,9}\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs
  return delayMs > 0 ? delayMs : undefined
}

/** Node's `fetch` waits no longer for an answer, nor for more of one. */
export const FETCH_PATIENCE_MS = 300_000

/** From 0 up to 1. */
export function drawOf(random: Random): number {
  return random.uint32() / 2 ** 32
}

/** The pause before the n-th try, n from 1: doubled each time, and a part of it at random, so that many do not come back at once. `draw`: from 0 to 1. */
export function pauseMs(tries: number, firstMs: number, mostMs: number, draw: number): number {
  const whole = Math.min(mostMs, firstMs * 2 ** Math.min(tries - 1, 30))
  return whole / 2 + (whole / 2) * draw
}

/** An address that can be shown: without names, passwords and parameters, which may be secrets. */
export function shownUrl(url: string): string {
  const parsed = URL.parse(url)
  return parsed === null ? 'an address that is none' : parsed.origin + parsed.pathname
}

/** Whether it is an address that can be asked: with the scheme http or https, and without a user and password, which belong into headers. */
export function isAddress(url: string): boolean {
  const parsed = URL.parse(url)
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === ''
}

/** Why names and values are no headers of a request; undefined where they are. The values may be secrets. */
export function headersProblem(headers: Readonly<Record<string, string>>): string | undefined {
  for (const [name, value] of Object.entries(headers)) {
    try {
      new Headers().set(name, value)
    } catch {
      return `has ${JSON.stringify(name)}, which is no header, or whose value has characters that no header may have`
    }
  }
  return undefined
}

/** What Node says of headers that it sends for nobody (`expect`, `upgrade`), of a value with a control character, and of a `content-length` that is not the body's. */
const NO_REQUEST: readonly unknown[] = ['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH']

/** Why `fetch` asks nobody, so that no repetition helps; undefined for an error of a server or the way to it. Ports are those of mail, chat and the like. */
export function requestProblem(error: unknown): { readonly option: 'url' | 'headers'; readonly problem: string } | undefined {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  if (!(cause instanceof Error)) return undefined
  if (cause.message === 'bad port')
    return { option: 'url', problem: 'has a port that Node asks nothing of by HTTP (it belongs to another protocol)' }
  return NO_REQUEST.includes((cause as { readonly code?: unknown }).code)
    ? { option: 'headers', problem: `is refused by Node: ${cause.message}` }
    : undefined
}

/** What is wrong with one that is none; it may hold secrets. */
export const addressProblem = 'is no address that begins with http:// or https://, without user and password (those belong into headers)'
