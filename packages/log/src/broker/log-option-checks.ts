/** Checks of what `Log.start` is given, by those whom no compiler has told what is right. */
import { inspect } from 'node:util'
import { logError } from '../errors.ts'

type Check = readonly [expected: string, is: (value: unknown) => boolean]

const text: Check = ['text', isText]
const flag: Check = ['true or false', (value) => typeof value === 'boolean']
const port: Check = ['a port, 0 to 65535', (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff]
const object: Check = ['an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)]

const checks: Readonly<Record<string, Check>> = {
  dir: ['a folder, or a list of them', (value) => isText(value) || (Array.isArray(value) && value.every(isText))],
  memory: flag,
  host: text,
  port,
  advertisedHost: text,
  durable: flag,
  config: object,
  users: object,
  logger: object,
  onRequest: ['a function', (value) => typeof value === 'function'],
  metricsPort: port,
  ports: object,
}

/** @throws LOG_OPTION_INVALID */
export function checkLogOptions(options: object): void {
  for (const [option, value] of Object.entries(options)) {
    const check = checks[option]
    if (value !== undefined && check !== undefined) checkOption(option, value, check)
  }
  const { config = {}, users = {} } = options as { readonly config?: object; readonly users?: object }
  // Numbers are what everybody writes.
  for (const [name, value] of Object.entries(config)) checkOption(`config['${name}']`, value, text)
  for (const [name, value] of Object.entries(users)) if (!isText(value)) throw invalid(`users['${name}']`, 'text', typeof value)
}

function checkOption(option: string, value: unknown, [expected, is]: Check): void {
  if (!is(value)) throw invalid(option, expected, inspect(value, { depth: 0, maxStringLength: 80 }))
}

function invalid(option: string, expected: string, value: string): Error {
  return logError('LOG_OPTION_INVALID', { option, expected, value })
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
