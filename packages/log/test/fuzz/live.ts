/**
 * A broker fed with damaged frames, while another client goes on as if nothing was.
 *
 * 1. The broker lives, and serves the other client soon. 2. Its memory stays within bounds. 3. Nothing it promised is broken: what the other client wrote is there.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SeededRandom } from '@millrace/testkit'
import { Log } from '../../src/broker/log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../../src/broker/testing/requests.ts'
import { WireClient } from '../../src/broker/testing/wire-client.ts'
import { capturedFrames, madeFrames } from './messages.ts'
import { mutate } from './mutate.ts'

const residentBytesMax = 1_500_000_000
const answerMsMax = 5_000

export interface LiveCount {
  readonly frames: number
  readonly connections: number
  readonly answered: number
}

/** Sends frames over a connection of its own, waits a little, and is gone, politely or not. */
async function pester(log: Log, frames: readonly Uint8Array[], random: SeededRandom): Promise<boolean> {
  const socket = connect(log.port, log.host)
  let hasAnswer = false
  socket.on('data', () => (hasAnswer = true))
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  for (const frame of frames) {
    const size = Buffer.alloc(4)
    size.writeInt32BE(random.chance(0.03) ? random.pick([-1, 0, 3, frame.length + 9, 0x7fff_ffff]) : frame.length)
    socket.write(Buffer.concat([size, frame]))
  }
  if (random.chance(0.5)) socket.end()
  await Promise.race([closed, sleep(random.between(0, 30))])
  socket.destroy()
  await closed
  return hasAnswer
}

/** Writes and reads, and holds the broker to its time. */
async function livesOn(client: WireClient, number: number): Promise<void> {
  const begin = performance.now()
  const { errorCode, baseOffset } = await produceTo(client, 'bystander', batchOf([`value-${number}`]))
  assert.deepEqual([errorCode, baseOffset], [0, number])
  const { values } = await fetchFrom(client, 'bystander', { offset: number })
  assert.deepEqual(values, [`value-${number}`])
  const tookMs = performance.now() - begin
  assert.ok(tookMs < answerMsMax, `the other client waited ${Math.round(tookMs)} ms`)
}

/** @throws what is wrong, with the seed's last frames */
export async function pesterBroker(seed: number, connections: number): Promise<LiveCount> {
  const random = new SeededRandom(seed)
  const seeds = [...madeFrames(random), ...capturedFrames()].filter(({ direction }) => direction === 'request').map(({ bytes }) => bytes)
  const log = await Log.start({
    memory: true,
    config: { 'offsets.topic.num.partitions': '2', 'transaction.state.log.num.partitions': '2' },
  })
  const client = await WireClient.connect(log)
  const count = { frames: 0, connections, answered: 0 }
  let last: readonly Uint8Array[] = []
  try {
    await createTopic(client, 'bystander')
    for (let number = 0; number < connections; number += 4) {
      const batches = Array.from({ length: 4 }, () =>
        Array.from({ length: random.between(1, 4) }, () =>
          random.chance(0.5) ? Buffer.from(random.pick(seeds)) : mutate(random.pick(seeds), random, random.pick(seeds)),
        ),
      )
      last = batches.flat()
      count.frames += last.length
      const answers = await Promise.all(batches.map((frames) => pester(log, frames, random)))
      count.answered += answers.filter(Boolean).length
      await livesOn(client, number / 4)
      assert.ok(process.memoryUsage.rss() < residentBytesMax, `resident memory is ${process.memoryUsage.rss()}`)
    }
    return count
  } catch (error) {
    const frames = last.map((frame) => Buffer.from(frame).toString('base64')).join('\n')
    throw new Error(`seed ${seed}: ${(error as Error).message}\nthe last frames (base64):\n${frames}`, { cause: error })
  } finally {
    await client.close()
    await log.close()
  }
}
