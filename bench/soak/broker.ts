/** The broker under soak, forked with its folder: it says where it listens, and answers every message with what it uses. */
import { readdirSync } from 'node:fs'
import { createLogger, formatLogRecord, nodeClock } from '@millrace/core'
import { Log } from '@millrace/log'

export interface BrokerUse {
  readonly rssMb: number
  readonly heapMb: number
  readonly buffersMb: number
  readonly descriptors: number
}

const MB = 1024 * 1024
const [dir = ''] = process.argv.slice(2)
const config = {
  'log.retention.check.interval.ms': '2000',
  'log.cleaner.backoff.ms': '1000',
  'log.segment.delete.delay.ms': '1000',
}
const logger = createLogger({
  clock: nodeClock,
  level: 'warn',
  write: (record) => process.stderr.write(`${formatLogRecord(record, 'text', false)}\n`),
})
const log = await Log.start({ dir, config, logger })

process.on('message', () => {
  const { rss, heapUsed, external } = process.memoryUsage()
  const use: BrokerUse = {
    rssMb: rss / MB,
    heapMb: heapUsed / MB,
    buffersMb: external / MB,
    descriptors: readdirSync('/proc/self/fd').length,
  }
  process.send!(use)
})
process.once('SIGTERM', () => void log.close().then(() => process.exit(0)))
process.once('disconnect', () => process.exit(1))
process.send!({ bootstrap: log.bootstrap })
