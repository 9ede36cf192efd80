/** When a broker that is being started acknowledges its first record, in milliseconds since 1970. */
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeNetwork } from '@millrace/core'
import { protocol, records } from '@millrace/log'

const TOPIC = 'first-produce'
const PAUSE_MS = 4
const ANSWER_TIMEOUT_MS = 2000

export async function firstProduce(place: { readonly host: string; readonly port: number }, timeoutMs: number): Promise<number> {
  const deadlineMs = Date.now() + timeoutMs
  while (Date.now() < deadlineMs) {
    if (await produceOnce(place)) return Date.now()
    await sleep(PAUSE_MS)
  }
  throw new Error(`nothing could be produced at ${place.host}:${place.port}`)
}

/** Asks for the topic, which makes it, and writes one record; false where the broker is not that far. */
async function produceOnce(place: { readonly host: string; readonly port: number }): Promise<boolean> {
  try {
    const connection = await nodeNetwork.connect({ ...place, timeoutMs: ANSWER_TIMEOUT_MS })
    const splitter = new protocol.FrameSplitter(1 << 20, { lent: true })
    let answer: PromiseWithResolvers<Uint8Array> = Promise.withResolvers()
    connection.onData((bytes) => {
      splitter.push(bytes)
      const frame = splitter.next()
      if (frame !== undefined) answer.resolve(frame)
    })
    connection.onClose(() => answer.reject(new Error('closed')))
    const ask = async (request: readonly Uint8Array[]): Promise<Uint8Array> => {
      answer = Promise.withResolvers()
      answer.promise.catch(() => undefined)
      connection.send(Buffer.concat(request))
      return await Promise.race([answer.promise, sleep(ANSWER_TIMEOUT_MS).then(() => Promise.reject(new Error('no answer')))])
    }
    try {
      const header = { correlationId: 0, clientId: 'bench' }
      await ask(protocol.encodeRequest('Metadata', 9, header, { topics: [{ name: TOPIC }], allowAutoTopicCreation: true }))
      const batch = records.buildBatch([{ key: null, value: Buffer.from('first'), timestamp: Date.now() }]).whole
      const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records: batch }] }]
      const frame = await ask(protocol.encodeRequest('Produce', 9, header, { acks: -1, timeoutMs: 1000, topicData }))
      return protocol.decodeResponse('Produce', 9, frame).responses[0]!.partitionResponses[0]!.errorCode === 0
    } finally {
      connection.destroy()
    }
  } catch {
    return false
  }
}
