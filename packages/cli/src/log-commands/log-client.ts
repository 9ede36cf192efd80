import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createLogger, messageOf, nodeClock, type LogRecord } from '@millrace/core'
import type { LogClient } from '@millrace/log/client'
import { cliError } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { resolveLogSettings, type ParsedFlags } from '../settings.ts'
import { handleSignals, type SignalSource } from '../signals.ts'
import type { CommandIo } from '../terminal.ts'

/** What these commands need of the process besides input and output. */
export interface LogPorts {
  readonly signals: SignalSource
  readonly stdin: AsyncIterable<Uint8Array>
  exit(exitCode: number): void
}

export const processPorts: LogPorts = {
  signals: process,
  get stdin() {
    return process.stdin
  },
  exit: (exitCode) => process.exit(exitCode),
}

/** Runs `work` with a client as the settings say, and closes it. `stopped` is aborted by the first Ctrl-C; the second ends the process. */
export async function withLogClient(
  flags: ParsedFlags,
  io: CommandIo,
  work: (client: LogClient, stopped: AbortSignal) => Promise<number>,
  ports: LogPorts = processPorts,
): Promise<number> {
  const { options, clientConfig } = await resolveLogSettings(io, { ...flags, config: [] }, flags['configFile'])
  const [{ LogClient, clientOptionsFromKafka }, config] = await Promise.all([
    import('@millrace/log/client'),
    withPemFiles(clientConfig, io.cwd),
  ])
  const client = new LogClient({
    clientId: 'millrace-cli',
    apiTimeoutMs: 15_000,
    logger: createLogger({ clock: nodeClock, level: 'warn', write: (record) => io.stderr.write(`millrace: ${told(record)}\n`) }),
    bootstrap: options.client.bootstrap,
    ...clientOptionsFromKafka(config),
  })
  const stopping = new AbortController()
  const ignoreSignals = handleSignals(
    ports.signals,
    () => stopping.abort(),
    (exitCode) => ports.exit(exitCode),
  )
  try {
    return await work(client, stopping.signal)
  } finally {
    ignoreSignals()
    client.close()
  }
}

/** What the client waits for, and what it has mended: whoever follows a topic would see nothing, and not know why. */
function told({ message, fields }: LogRecord): string {
  const parts = Object.entries(fields).flatMap(([name, value]) => (name === 'waiting' ? [] : [`${name} ${messageOf(value)}`]))
  return parts.length === 0 ? message : `${message} (${parts.join(', ')})`
}

/** Settings that name PEM files, and those that hold their text. */
const PEM_FILES: Readonly<Record<string, readonly string[]>> = {
  'ssl.truststore.location': ['ssl.truststore.certificates'],
  'ssl.keystore.location': ['ssl.keystore.certificate.chain', 'ssl.keystore.key'],
}

async function withPemFiles(config: Readonly<Record<string, string>>, cwd: string): Promise<Readonly<Record<string, string>>> {
  const result: Record<string, string> = {}
  for (const [setting, value] of Object.entries(config)) {
    const names = PEM_FILES[setting]
    // Only PEM is read, and so Kafka's name for that is welcome.
    if (/^ssl\.(truststore|keystore)\.type$/.test(setting) && value === 'PEM') continue
    if (names === undefined) result[setting] = value
    else {
      const text = await readFile(resolve(cwd, value), 'utf8').catch((error: Error) => {
        throw cliError('CLI_FILE_UNREADABLE', { path: value, setting, problem: error.message }, error)
      })
      for (const name of names) result[name] = text
    }
  }
  return result
}

/** A whole number of the command line, or undefined where it is not given. @throws CLI_ARGUMENT */
export function wholeNumber(flag: string, given: unknown, min: number): number | undefined {
  if (given === undefined) return undefined
  const text = given as string
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < min || text.trim() === '') {
    throw cliError('CLI_ARGUMENT', { flag, expected: `be a whole number, at least ${min}`, value: text })
  }
  return number
}

export const done: number = exitCodes.done
