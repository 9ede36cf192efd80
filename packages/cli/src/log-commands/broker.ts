import { resolve } from 'node:path'
import { createLogger, formatLogRecord, nodeClock } from '@millrace/core'
import { exitCodes } from '../exit-codes.ts'
import { resolveLogSettings, type ParsedFlags } from '../settings.ts'
import { handleSignals } from '../signals.ts'
import { wantsColor, type CommandIo } from '../terminal.ts'
import { processPorts, type LogPorts } from './log-client.ts'

/** `millrace broker`: runs a log until it is told to stop. */
export async function brokerCommand(flags: ParsedFlags, io: CommandIo, ports: LogPorts = processPorts): Promise<number> {
  const { options, brokerConfig } = await resolveLogSettings(io, flags, flags['configFile'])
  const { dir, host, port, advertisedHost, durable, metricsPort } = options.broker
  const { Log } = await import('@millrace/log')
  const color = wantsColor(io.stderr, io.environment)
  const logger = createLogger({
    clock: nodeClock,
    level: 'info',
    write: (record) => io.stderr.write(`${formatLogRecord(record, 'text', color)}\n`),
  })
  const dirs = dirsOf(brokerConfig, dir).map((each) => resolve(io.cwd, each))
  const stop = Promise.withResolvers<undefined>()
  const ignoreSignals = handleSignals(
    ports.signals,
    () => {
      io.stderr.write('asked to stop; again ends at once, as a crash would\n')
      stop.resolve(undefined)
    },
    (exitCode) => ports.exit(exitCode),
  )
  try {
    const log = await Log.start({
      dir: dirs,
      host,
      port,
      durable,
      logger,
      config: brokerConfig,
      ...(advertisedHost === undefined ? {} : { advertisedHost }),
      ...(metricsPort === undefined ? {} : { metricsPort }),
    })
    io.stdout.write(`listening on ${log.bootstrap}, log in ${dirs.join(', ')}\n`)
    const failure = await Promise.race([stop.promise, log.ended])
    if (failure !== undefined) throw failure
    await log.close()
    io.stdout.write('stopped; everything is on the disk\n')
    return exitCodes.done
  } finally {
    ignoreSignals()
  }
}

/** One folder or several, separated by commas; those of `log.dirs` come first. */
function dirsOf(config: Readonly<Record<string, string>>, dir: string): readonly string[] {
  const text = config['log.dirs'] ?? config['log.dir'] ?? dir
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}
