/** One broker of ours, to be measured: node broker.ts DIR PORT TLS_PORT METRICS_PORT KEY_STORE. Prints where it listens; SIGTERM closes it. */
import { Log } from '@millrace/log'

const [dir = '', port = '0', tlsPort = '0', metricsPort = '0', keyStore = ''] = process.argv.slice(2)
const config = {
  listeners: `PLAINTEXT://127.0.0.1:${port},SSL://127.0.0.1:${tlsPort}`,
  'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},SSL://localhost:${tlsPort}`,
  'ssl.keystore.type': 'PEM',
  'ssl.keystore.location': keyStore,
  // As Kafka's: it is not measured, but a consumer's machine that idles meanwhile is warmer when the measuring begins.
  'group.initial.rebalance.delay.ms': '3000',
}
const log = await Log.start({ dir, config, metricsPort: Number(metricsPort) })
console.log(log.bootstrap)
process.once('SIGTERM', () => void log.close().then(() => process.exit(0)))
