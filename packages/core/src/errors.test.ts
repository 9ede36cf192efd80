import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineErrors, messagePattern } from './errors.ts'

const error = defineErrors({
  LOST: { who: 'operator', retry: true, message: '{count} {count?record:records} for {topic} {count?was:were} lost: {problem}' },
})

void test('a message is told with its details and its code, in the words for one or for many', () => {
  const told = (count: number): string => error('LOST', { count, topic: 'a', problem: 'no room' }).message
  assert.equal(told(0), '0 records for a were lost: no room [LOST]')
  assert.equal(told(1), '1 record for a was lost: no room [LOST]')
  assert.equal(told(11), '11 records for a were lost: no room [LOST]')
})

void test('a reference shows the words for many', () => {
  assert.equal(messagePattern(error.table.LOST), '{count} records for {topic} were lost: {problem}')
})

void test('details are taken as they are, whatever they look like', () => {
  assert.equal(
    error('LOST', { count: 2, topic: '{problem}', problem: '{count?a:b}' }).message,
    '2 records for {problem} were lost: {count?a:b} [LOST]',
  )
})
