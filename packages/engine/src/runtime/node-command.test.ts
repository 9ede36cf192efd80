import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { importFlags } from './node-command.ts'

void test('of the flags of a process those are taken over that decide how modules are found and compiled', () => {
  const given = ['-C', 'one', '-C=two', '--conditions', 'one', '--import=tsx', '-r', './before.cjs', '--env-file', 'x.env', '--strip-types']
  assert.deepEqual(importFlags(given), [
    '--conditions=one',
    '--conditions=two',
    '--import=tsx',
    `--require=${resolve('before.cjs')}`,
    `--env-file=${resolve('x.env')}`,
    '--strip-types',
  ])
})

void test('what the process was asked to run, how it is watched and what it may use is not taken over', () => {
  const given = ['--inspect-brk=0', '--test', '--watch', '--max-old-space-size=200', '--input-type', 'module', '-e', 'import("x")']
  assert.deepEqual(importFlags(given), [])
})

void test('words in NODE_OPTIONS may be in quotation marks', () => {
  const before = process.env['NODE_OPTIONS']
  process.env['NODE_OPTIONS'] = '--import="a \\"b\\".mjs"  --conditions "c d" --trace-warnings'
  try {
    assert.deepEqual(importFlags().slice(0, 2), ['--import=a "b".mjs', '--conditions=c d'])
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS']
    else process.env['NODE_OPTIONS'] = before
  }
})
