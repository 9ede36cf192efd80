// One broker for the kill test: node broker-process.ts DIR[,DIR] PORT. Says 'ready' when it serves; SIGTERM closes it.
import { createLogger, formatLogRecord, nodeClock, type LogRecord } from '@millrace/core'
import { Log } from '@millrace/log'

const [dir, port] = process.argv.slice(2)
const write = (record: LogRecord): void => void process.stderr.write(formatLogRecord(record, 'text', false) + '\n')
const log = await Log.start({
  dir: dir!.split(','),
  port: Number(port),
  durable: true,
  logger: createLogger({ clock: nodeClock, level: 'error', write }),
  config: {
    // Small, so that there is always something to roll and to compact.
    'log.segment.bytes': '20000',
    'log.index.interval.bytes': '400',
    'log.cleaner.backoff.ms': '50',
    'log.cleaner.min.cleanable.ratio': '0',
    'log.segment.delete.delay.ms': '100',
    'log.flush.offset.checkpoint.interval.ms': '200',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '4',
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  },
})
console.log('ready')
process.on('SIGTERM', () => void log.close())
