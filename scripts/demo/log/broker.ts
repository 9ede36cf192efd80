// A log in a process of its own, so that it can be killed: node broker.ts FOLDER PORT. Says its address in one line, and ends with SIGTERM.
import { Log } from '@millrace/log'

const [dir, port] = process.argv.slice(2)
const log = await Log.start({
  dir: dir!,
  port: Number(port),
  config: {
    'num.partitions': '4',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.num.partitions': '4',
  },
})
console.log(log.bootstrap)
process.once('SIGTERM', () => void log.close().then(() => process.exit(0)))
