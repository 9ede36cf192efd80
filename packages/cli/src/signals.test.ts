import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { handleSignals, handleSuspension } from './signals.ts'
import { ManualClock } from './testing/manual-clock.ts'

/** What is done about signals, each with the time that passes before it. */
function doneAbout(...signals: readonly (readonly [afterMs: number, signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'])[]): readonly unknown[] {
  const source = new EventEmitter()
  const clock = new ManualClock()
  const done: unknown[] = []
  const ignore = handleSignals(
    source,
    () => done.push('stop'),
    (exitCode) => done.push(exitCode),
    clock,
  )
  for (const [afterMs, signal] of signals) {
    clock.advance(afterMs)
    source.emit(signal)
  }
  ignore()
  assert.deepEqual(source.eventNames(), [])
  return done
}

void test('a signal that a wrapper has sent to the child and to its group is one', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    assert.deepEqual(doneAbout([0, signal], [0, signal], [3, signal], [497, signal]), ['stop'], 'all within 500 ms of the first')
  }
})

void test('a second one ends at once: the same later, another one always', () => {
  assert.deepEqual(doneAbout([0, 'SIGINT'], [501, 'SIGINT']), ['stop', 130])
  assert.deepEqual(doneAbout([0, 'SIGTERM'], [300, 'SIGTERM'], [300, 'SIGTERM']), ['stop', 143], 'what comes on and on is not put off')
  assert.deepEqual(doneAbout([0, 'SIGINT'], [0, 'SIGTERM']), ['stop', 143])
})

void test('a process that is to stand still gives the terminal back first, and nobody hears the signal that stops it', () => {
  const source = new EventEmitter()
  const done: string[] = []
  const view = { suspend: () => void done.push('suspend'), resume: () => void done.push('resume') }
  const ignore = handleSuspension(source, view, () => void done.push(`still, heard by ${source.listenerCount('SIGTSTP')}`))
  source.emit('SIGTSTP')
  source.emit('SIGTSTP')
  assert.deepEqual(done, ['suspend', 'still, heard by 0', 'resume', 'suspend', 'still, heard by 0', 'resume'])
  ignore()
  assert.deepEqual(source.eventNames(), [])
})
