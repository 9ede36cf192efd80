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
  const stop = Promise.withResolvers<void>()
  const ignoreSignals = handleSignals(
    ports.signals,
    () => {
      io.stderr.write('asked to stop; again ends at once, as a crash would\n')
      stop.resolve()
    },
    (exitCode) => ports.exit(exitCode),
  )
  try {
    const log = await Log.start({
      dir: resolve(io.cwd, dir),
      host,
      port,
      durable,
      logger,
      config: brokerConfig,
      ...(advertisedHost === undefined ? {} : { advertisedHost }),
      ...(metricsPort === undefined ? {} : { metricsPort }),
    })
    io.stdout.write(`listening on ${log.bootstrap}, log in ${resolve(io.cwd, dir)}\n`)
    await stop.promise
    await log.close()
    io.stdout.write('stopped; everything is on the disk\n')
    return exitCodes.done
  } finally {
    ignoreSignals()
  }
}
