// When a source is asked for more, and when it is not.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { watermarks } from '../../api/watermarks.ts'
import type { SourceReader } from '../../connectors/source.ts'
import { Chain } from '../../operators/chain.ts'
import { ChainCursor, nowhere } from '../../operators/receiver.ts'
import { SourceHead } from './source-head.ts'
import { SourceInput } from './source-input.ts'

type Answer = ReturnType<SourceReader<unknown>['poll']>

class Bench {
  readonly said: string[] = []
  readonly clock: VirtualClock = new VirtualClock()
  readonly cursor: ChainCursor = new ChainCursor()
  readonly input: SourceInput
  readonly #answers: readonly Answer[]
  polls = 0

  constructor(...answers: Answer[]) {
    this.#answers = answers
    const reader: SourceReader<unknown> = {
      addSplits: () => {},
      noMoreSplits: () => {},
      poll: (output) => {
        output.emit(this.polls)
        return this.#answers[this.polls++]!
      },
      snapshot: () => [],
      close: () => {},
    }
    const chain = new Chain(this.cursor, [], [nowhere, nowhere])
    const times = watermarks.monotonous((value: unknown) => value as number) as ConstructorParameters<typeof SourceHead>[3]
    const time = { watermark: (at: number) => void this.said.push(`time ${at}`), idle: () => {}, active: () => {} }
    const head = new SourceHead({ operator: 'numbers', stateId: 'numbers', subtask: 0 }, reader, chain, times, this.clock, time)
    this.input = new SourceInput(head, chain, { end: () => void this.said.push('end'), wake: () => void this.said.push('wake') })
  }
}

void describe('a source as an input', () => {
  void it('is not asked again while it waits, until somebody says so', () => {
    const bench = new Bench('wait', 'more', 'end')
    assert.equal(bench.input.poll(), true)
    assert.equal(bench.input.poll(), false)
    assert.equal(bench.polls, 1)
    bench.input.lookAgain()
    bench.input.poll()
    bench.input.poll()
    assert.equal(bench.polls, 3)
  })

  void it('tells its end once, and after the end of its time', () => {
    const bench = new Bench('end')
    bench.input.poll()
    bench.input.lookAgain()
    assert.equal(bench.input.poll(), false)
    assert.deepEqual(bench.said.slice(-2), ['time Infinity', 'end'])
    assert.equal(bench.polls, 1)
  })

  void it('is not asked from the barrier of the final checkpoint on, unless that comes to nothing', () => {
    const bench = new Bench('more', 'more')
    bench.input.poll()
    bench.input.stopFor(7)
    assert.equal(bench.input.poll(), false)
    assert.equal(bench.input.goOnWithout(6), false)
    assert.equal(bench.input.poll(), false)
    assert.equal(bench.input.goOnWithout(7), true)
    assert.equal(bench.input.poll(), true)
    assert.equal(bench.polls, 2)
  })

  void it('ends when it is drained, whatever its reader still has', () => {
    const bench = new Bench('wait')
    bench.input.poll()
    bench.input.stopFor(7)
    bench.input.drain()
    assert.equal(bench.input.poll(), true)
    assert.deepEqual(bench.said.slice(-3), ['wake', 'time Infinity', 'end'])
    assert.equal(bench.polls, 1)
  })

  void it('has its time looked at while it waits, but not while an operator asks for a stop', () => {
    const bench = new Bench('wait')
    assert.equal(bench.input.nextLookMs, undefined)
    bench.input.poll()
    bench.input.head.emit(1)
    assert.notEqual(bench.input.nextLookMs, undefined)
    bench.cursor.interrupted = true
    assert.equal(bench.input.nextLookMs, undefined)
    bench.cursor.interrupted = false
    assert.notEqual(bench.input.nextLookMs, undefined)
  })
})
