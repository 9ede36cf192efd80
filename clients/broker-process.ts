// One broker over the folder that is named; prints where it listens, and closes when its standard input ends.
import { createLogger, formatLogRecord, nodeClock, type LogRecord } from '@millrace/core'
import { Log } from '@millrace/log'

const write = (record: LogRecord): void => void process.stderr.write(formatLogRecord(record, 'text', false) + '\n')
const logger = createLogger({ clock: nodeClock, level: 'warn', write })
// Access control is on, for the clients that list and change it; whoever they are may do everything.
const config = { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer', 'super.users': 'User:ANONYMOUS' }
const log = await Log.start({ dir: process.argv[2]!, config, logger })
console.log(log.bootstrap)
process.stdin.resume().on('end', () => void log.close())
