/**
 * Many connections, each with one Produce request of one record on its way at a time: node connections.ts HOST:PORT TOPIC CONNECTIONS SECONDS
 *
 * Prints requests a second and the latencies of the second half as JSON. Without a client library: what is measured is the broker.
 */
import { nodeNetwork } from '@millrace/core'
import { protocol, records } from '@millrace/log'
import { quantile } from '../../statistics.ts'

const PRODUCE_VERSION = 9
const RECORD_BYTES = 100
const [bootstrap = '', topic = '', connectionCount = '50', seconds = '5'] = process.argv.slice(2)
const [host = '', port = ''] = bootstrap.split(':')

const endMs = performance.now() + Number(seconds) * 1000
const halfMs = performance.now() + Number(seconds) * 500
const latenciesUs: number[] = []
let requestCount = 0

function requestBytes(): Uint8Array {
  const batch = records.buildBatch([{ key: null, value: Buffer.alloc(RECORD_BYTES, 'x'), timestamp: Date.now() }]).whole
  const topicData = [{ name: topic, partitionData: [{ index: 0, records: batch }] }]
  return Buffer.concat(
    protocol.encodeRequest('Produce', PRODUCE_VERSION, { correlationId: 0, clientId: 'bench' }, { acks: -1, timeoutMs: 10_000, topicData }),
  )
}

const request = requestBytes()

async function load(): Promise<void> {
  const connection = await nodeNetwork.connect({ host, port: Number(port), timeoutMs: 5000 })
  const splitter = new protocol.FrameSplitter(1 << 20, { lent: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let sentMs = 0
  const send = (): void => {
    sentMs = performance.now()
    connection.send(request)
  }
  connection.onClose(() => reject(new Error('the broker closed a connection')))
  connection.onData((bytes) => {
    splitter.push(bytes)
    const frame = splitter.next()
    if (frame === undefined) return
    const { responses } = protocol.decodeResponse('Produce', PRODUCE_VERSION, frame)
    const { errorCode } = responses[0]!.partitionResponses[0]!
    if (errorCode !== 0) return reject(new Error(`error ${errorCode}`))
    const nowMs = performance.now()
    requestCount++
    if (nowMs > halfMs) latenciesUs.push((nowMs - sentMs) * 1000)
    if (nowMs < endMs) return send()
    resolve()
  })
  send()
  await promise
  connection.destroy()
}

await Promise.all(Array.from({ length: Number(connectionCount) }, load))
const p50Us = Math.round(quantile(latenciesUs, 0.5))
const p99Us = Math.round(quantile(latenciesUs, 0.99))
console.log(JSON.stringify({ requestsPerSecond: Math.round(requestCount / Number(seconds)), p50Us, p99Us }))
process.exit(0)
