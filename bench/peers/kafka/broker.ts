/** One broker of ours, to be measured: node broker.ts DIR PORT. Prints where it listens; SIGTERM closes it. */
import { Log } from '@millrace/log'

const [dir = '', port = '0'] = process.argv.slice(2)
const log = await Log.start({ dir, port: Number(port) })
console.log(log.bootstrap)
process.once('SIGTERM', () => void log.close().then(() => process.exit(0)))
