/**
 * Waits until a broker answers a Metadata request with so many live brokers: node probe.ts HOST:PORT [--brokers N] [--timeout-ms N] [--since EPOCH_MS]
 *
 * Prints the milliseconds since `--since`, or since it began, at the first such answer. It knows no package of ours, so that it can time any broker's start.
 */
import { connect } from 'node:net'
import { parseArgs } from 'node:util'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { brokers: { type: 'string', default: '1' }, 'timeout-ms': { type: 'string', default: '60000' }, since: { type: 'string' } },
})
const METADATA_KEY = 3
const METADATA_VERSION = 1
const CORRELATION_ID = 7
const PAUSE_MS = 5

/** Metadata 1 of no topics. */
function metadataRequest(): Buffer {
  const clientId = 'probe'
  const bytes = Buffer.alloc(18 + clientId.length)
  let at = bytes.writeInt32BE(bytes.length - 4, 0)
  at = bytes.writeInt16BE(METADATA_KEY, at)
  at = bytes.writeInt16BE(METADATA_VERSION, at)
  at = bytes.writeInt32BE(CORRELATION_ID, at)
  at = bytes.writeInt16BE(clientId.length, at)
  at += bytes.write(clientId, at)
  bytes.writeInt32BE(0, at)
  return bytes
}

/** The number of brokers in the answer; -1 where there is none. */
function ask(host: string, port: number): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let received = Buffer.alloc(0)
    const finish = (count: number): void => {
      socket.destroy()
      resolve(count)
    }
    socket.setTimeout(1000, () => finish(-1))
    socket.on('error', () => finish(-1))
    socket.on('close', () => resolve(-1))
    socket.on('connect', () => socket.write(metadataRequest()))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 12 && received.length >= 4 + received.readInt32BE(0)) finish(received.readInt32BE(8))
    })
  })
}

const [host = '127.0.0.1', port = '9092'] = (positionals[0] ?? '').split(':')
const beganMs = Number(flags.since ?? Date.now())
const deadlineMs = Date.now() + Number(flags['timeout-ms'])
while ((await ask(host, Number(port))) < Number(flags.brokers)) {
  if (Date.now() >= deadlineMs) {
    console.error(`no answer from ${host}:${port}`)
    process.exit(1)
  }
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}
console.log(Date.now() - beganMs)
