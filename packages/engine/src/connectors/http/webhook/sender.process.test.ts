import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeRandom, type Cancel } from '@millrace/core'
import { VirtualClock } from '@millrace/testkit'
import { FaultyServer } from '../fixtures/faulty-server.ts'
import { Sender } from './sender.ts'

class WatchedClock extends VirtualClock {
  /** The times that anybody waited for. */
  readonly waits: number[] = []

  override after(delayMs: number, callback: () => void): Cancel {
    this.waits.push(this.monotonic() + delayMs)
    return super.after(delayMs, callback)
  }
}

void test('a pause that a server asks for while others wait for the end of a shorter one is theirs too', async () => {
  const held: Map<string, ServerResponse> = new Map()
  const asked: string[] = []
  const server = await FaultyServer.start((_, response, body) => {
    asked.push(body)
    held.set(body, response)
  })
  const clock = new WatchedClock()
  const sender = new Sender({ timeoutMs: 3_600_000, retryForMs: 3_600_000, firstPauseMs: 1, mostPauseMs: 1, clock, random: nodeRandom })
  const send = (body: string): Promise<unknown> =>
    sender.send({ url: server.url, method: 'POST', headers: {}, body }).catch(() => 'broken off')
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await sleep(2)
  }
  const waiting = (timeMs: number): number => clock.waits.filter((waitMs) => waitMs === timeMs).length
  const refuse = (body: string, retryAfter: string): unknown => held.get(body)!.writeHead(429, { 'retry-after': retryAfter }).end()
  try {
    const sent = [send('a'), send('b')]
    await until(() => held.size === 2)
    refuse('a', '1')
    await until(() => waiting(1_000) === 1)
    sent.push(send('c'))
    await until(() => waiting(1_000) === 2)
    refuse('b', '10')
    await until(() => waiting(10_000) === 1)
    await clock.advance(1_000)
    await until(() => waiting(10_000) === 3 || asked.length > 2)
    assert.deepEqual(asked.toSorted(), ['a', 'b'])
    sender.close()
    await Promise.all(sent)
  } finally {
    sender.close()
    await server.close()
  }
})
