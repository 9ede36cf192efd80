/**
 * Log records as lines. Written by hand: a job starts in 300 ms, of which the import of a logging library takes 14, and records
 * cross threads as plain data, so that there is one writer and nothing for a library's transports to do.
 *
 * What is logged may be an attacker's: control characters are escaped, so that nobody forges lines or drives the terminal.
 */
import { inspect } from 'node:util'
import { plainFields, shown, TEXT_LENGTH_MAX } from './plain-fields.ts'
import type { LogFields, LogLevel, LogRecord } from './record.ts'

/** One record as a line (errors add their stack), without the line end. */
export function formatLogRecord(record: LogRecord, format: 'text' | 'json', color: boolean): string {
  return format === 'json' ? formatJson(record) : formatText(record, color)
}

const colors: { readonly [L in LogLevel]: string } = { debug: '\x1b[90m', info: '\x1b[36m', warn: '\x1b[33m', error: '\x1b[31m' }

function formatText(record: LogRecord, color: boolean): string {
  const time = new Date(record.timeMs).toISOString().slice(11, 23)
  const level = record.level.toUpperCase().padEnd(5)
  const stacks: string[] = []
  const fields = Object.entries(record.fields).map(([name, value]) => {
    if (value instanceof Error) stacks.push(indented(value))
    return ` ${plain(name)}=${textOf(value)}`
  })
  const head = color ? `\x1b[90m${time}\x1b[0m ${colors[record.level]}${level}\x1b[0m` : `${time} ${level}`
  return [`${head} ${plain(record.message)}${fields.join('')}`, ...stacks].join('\n')
}

function textOf(value: unknown): string {
  if (value instanceof Error) return plain(value.message)
  const text = shown(value)
  return /^[^\s"=]+$/.test(text) || typeof value !== 'string' ? plain(text) : `"${plain(text).replaceAll('"', '\\"')}"`
}

/** An error with its causes, every line of it behind four spaces. */
function indented(error: Error): string {
  const text = inspect(error, { depth: 1, maxStringLength: TEXT_LENGTH_MAX })
  return text
    .slice(0, TEXT_LENGTH_MAX)
    .split('\n')
    .map((line) => `    ${plain(line)}`)
    .join('\n')
}

function plain(text: string): string {
  const cut = text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text
  return cut.replace(/\p{Cc}/gu, (character) => escapes[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

const escapes: { readonly [character: string]: string } = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

const reserved = new Set(['time', 'level', 'message'])

function formatJson(record: LogRecord): string {
  const line = {
    time: new Date(record.timeMs).toISOString(),
    level: record.level,
    message: record.message.slice(0, TEXT_LENGTH_MAX),
  }
  return stringify({ ...line, ...free(record.fields) }) ?? stringify({ ...line, ...free(plainFields(record.fields)) })!
}

/** The fields under names that are not the record's own. */
function free(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [reserved.has(name) ? `field.${name}` : name, value]))
}

/** Undefined where the fields hold what JSON cannot: a cycle, a throwing getter. */
function stringify(line: { readonly [name: string]: unknown }): string | undefined {
  try {
    return JSON.stringify(line, (_, value: unknown) => {
      if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack?.slice(0, TEXT_LENGTH_MAX) }
      if (typeof value === 'string' && value.length > TEXT_LENGTH_MAX) return `${value.slice(0, TEXT_LENGTH_MAX)}…`
      return typeof value === 'bigint' ? String(value) : value
    })
  } catch {
    return undefined
  }
}
