import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock } from '../io/node/clock.ts'
import { formatLogRecord } from './format.ts'
import { createLogger } from './logger.ts'
import type { LogLevel, LogRecord } from './record.ts'

const record = (message: string, fields: LogRecord['fields'] = {}, level: LogLevel = 'info'): LogRecord => ({
  timeMs: 0,
  level,
  message,
  fields,
})
const text = (message: string, fields?: LogRecord['fields']): string => formatLogRecord(record(message, fields), 'text', false)
const json = (message: string, fields?: LogRecord['fields']): unknown => JSON.parse(formatLogRecord(record(message, fields), 'json', false))

void test('a logger writes what is urgent enough, with its context', () => {
  const written: LogRecord[] = []
  const log = createLogger({
    clock: { ...nodeClock, now: () => 7 },
    level: 'info',
    write: (line) => written.push(line),
    context: { job: 'j' },
  })
  const child = log.child({ subtask: 1 })
  log.debug('not this')
  child.info('a')
  child.error('b', { subtask: 2, count: 3 })
  assert.deepEqual(written, [
    { timeMs: 7, level: 'info', message: 'a', fields: { job: 'j', subtask: 1 } },
    { timeMs: 7, level: 'error', message: 'b', fields: { job: 'j', subtask: 2, count: 3 } },
  ])
})

void test('a text line shows time, level, message and fields', () => {
  assert.equal(
    text('checkpoint 3 completed', { sizeBytes: 12, path: '/a b', list: [1, 'x'] }),
    `00:00:00.000 INFO  checkpoint 3 completed sizeBytes=12 path="/a b" list=[ 1, 'x' ]`,
  )
  assert.ok(formatLogRecord(record('m', {}, 'warn'), 'text', true).endsWith('\x1b[33mWARN \x1b[0m m'))
})

void test('an error adds its stack and its causes, indented', () => {
  const error = new TypeError('outer', { cause: new Error('inner') })
  const lines = text('failed', { error }).split('\n')
  assert.equal(lines[0], '00:00:00.000 INFO  failed error=outer')
  assert.match(lines[1]!, /^ {4}TypeError: outer$/)
  assert.ok(lines.some((line) => line.includes('Error: inner')))
  const { error: plain } = json('failed', { error }) as { readonly error: { readonly name: string; readonly stack: string } }
  assert.equal(plain.name, 'TypeError')
  assert.match(plain.stack, /logger\.test/)
})

void test('nobody forges a line or drives the terminal', () => {
  const hostile = 'x\n00:00:00.000 INFO  forged\x1b[2J\x9b\r'
  assert.equal(text(hostile), '00:00:00.000 INFO  x\\n00:00:00.000 INFO  forged\\x1b[2J\\x9b\\r')
  assert.equal(
    text('m', { [hostile]: hostile, error: new Error(hostile) })
      .match(/\p{Cc}/gu)
      ?.every((character) => character === '\n'),
    true,
  )
  assert.ok(!formatLogRecord(record(hostile), 'json', false).includes('\n'))
})

void test('JSON takes whatever a field holds', () => {
  const cycle: { self?: unknown } = {}
  cycle.self = cycle
  assert.deepEqual(json('m', { big: 1n, message: 'other' }), {
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    message: 'm',
    big: '1',
    'field.message': 'other',
  })
  assert.match((json('m', { cycle }) as { readonly cycle: string }).cycle, /Circular/)
  assert.ok(formatLogRecord(record('y'.repeat(1e6), { long: 'z'.repeat(1e6) }), 'json', false).length < 40_000)
  assert.ok(text('y'.repeat(1e6), { long: 'z'.repeat(1e6), list: ['z'.repeat(1e6)] }).length < 60_000)
})
