// Checkpoints of a task that reads a source, and replays what the restored checkpoint had in flight: which snapshot has what of it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import type { SourceReader } from '../../connectors/source.ts'
import { Chain } from '../../operators/chain.ts'
import { ChainCursor, nowhere, type Receiver } from '../../operators/receiver.ts'
import { SourceHead } from '../source/source-head.ts'
import { Task } from './task.ts'
import { TaskTimes } from './task-times.ts'

const TO_REPLAY = [1, 2, 3]
const unaligned = { unaligned: true } as const
const aligned = { savepoint: { dir: '/savepoints/one', isCheckpoint: true } } as const

class Bench {
  readonly said: string[] = []
  readonly task: Task
  #checkpointId = 4

  constructor() {
    const clock = new VirtualClock()
    const reader: SourceReader<unknown> = {
      addSplits: () => {},
      noMoreSplits: () => {},
      poll: () => 'wait',
      snapshot: () => [],
      close: () => {},
    }
    const chain = new Chain(new ChainCursor(), [], [nowhere, nowhere])
    const parts = { task: 0, name: 'numbers', subtask: 0, chain, outputs: [], clock, times: new TaskTimes(0) }
    this.task = new Task(
      { ...parts, unaligned: { alignedTimeoutMs: 0, bytesMax: 1_000_000 }, sliceRecords: 1 },
      {
        snapshot: ({ checkpointId, inFlight }) =>
          this.#say(`${checkpointId}, ${inFlight === undefined ? 'nothing' : 'the rest'} in flight`),
        snapshotGivenUp: () => {},
        declined: () => {},
        inputFinished: () => {},
        failed: (error) => assert.fail(String(error)),
        wake: () => {},
      },
    )
    const time = { watermark: () => {}, idle: () => {}, active: () => {} }
    this.task.readSource(new SourceHead({ operator: 'numbers', stateId: 'numbers', subtask: 0 }, reader, chain, undefined, clock, time))
    const receiver: Receiver = { receive: (value) => this.#say(`record ${String(value)}`), watermark: () => {} }
    const batch = { kind: 'records', count: TO_REPLAY.length, values: TO_REPLAY, timestamps: undefined, hashes: undefined } as const
    this.task.intake.replay({ kind: 'batch', batch, origin: { channel: undefined, label: 'numbers', operator: 1, input: 0 }, receiver })
  }

  trigger(kind: typeof unaligned | typeof aligned): void {
    this.task.trigger({ checkpointId: ++this.#checkpointId, triggeredMs: 0, completedId: 4, stopSources: false, ...kind })
  }

  tell(what: string): void {
    this.task.tellReader(() => this.#say(what))
  }

  async run(): Promise<readonly string[]> {
    await this.task.open()
    while (this.task.step() === 'worked');
    return this.said
  }

  #say(what: string): void {
    this.said.push(what)
  }
}

void describe('while a source’s task replays', () => {
  void it('an unaligned snapshot does not wait, and has the rest in flight', async () => {
    const bench = new Bench()
    bench.trigger(unaligned)
    assert.deepEqual(await bench.run(), ['5, the rest in flight', 'record 1', 'record 2', 'record 3'])
  })

  void it('an aligned one waits until all is in', async () => {
    const bench = new Bench()
    bench.trigger(aligned)
    assert.deepEqual(await bench.run(), ['record 1', 'record 2', 'record 3', '5, nothing in flight'])
  })

  void it('an aligned one waits also where an unaligned one was asked for before it, and with it what comes behind', async () => {
    const bench = new Bench()
    bench.tell('splits')
    bench.trigger(unaligned)
    bench.trigger(aligned)
    bench.tell('more splits')
    bench.trigger(unaligned)
    const replayed = ['record 1', 'record 2', 'record 3']
    const expected = ['splits', '5, the rest in flight', ...replayed, '6, nothing in flight', 'more splits', '7, nothing in flight']
    assert.deepEqual(await bench.run(), expected)
  })
})
