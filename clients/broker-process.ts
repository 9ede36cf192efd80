// One broker over the folder that is named; prints where it listens; a second argument is what clients are told; and closes when its standard input ends.
import { createLogger, formatLogRecord, nodeClock, type LogRecord } from '@millrace/core'
import { Log } from '@millrace/log'

const write = (record: LogRecord): void => void process.stderr.write(formatLogRecord(record, 'text', false) + '\n')
const logger = createLogger({ clock: nodeClock, level: 'warn', write })
// Access control is on, for the clients that list and change it; whoever they are may do everything.
const [dir, advertised] = process.argv.slice(2)
const config: Record<string, string> = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}
if (advertised !== undefined) config['advertised.listeners'] = `PLAINTEXT://${advertised}`
const log = await Log.start({ dir: dir!, port: 0, config, logger })
const [listener] = log.listeners
console.log(`${listener!.host}:${listener!.port}`)
process.stdin.resume().on('end', () => void log.close())
