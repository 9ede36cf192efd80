// How often each word came over a socket; and what becomes of a job with a bug: it is restarted three times, then it has failed.
//
//   nc -lk 9999                                        (in another terminal: type words, then "bug")
//   millrace run examples/04-word-count-socket.ts --checkpoint-interval 5s
//
// The counts are state and go on where the last checkpoint stood. The words are gone once they have been sent: those since the last checkpoint
// are not counted again. With files as its source the same job would count each word exactly once.
import { defineJob, print, socketText } from 'millrace'

const params = { host: '127.0.0.1', port: 9_999, attempts: 3, delayMs: 10_000 }

function wordsOf(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== '')
}

function checked(word: string): string {
  if (word === 'bug') throw new Error('a bug has been found')
  return word
}

export default defineJob('word-count', { params }, (env, { host, port, attempts, delayMs }) => {
  env.restart.strategy = { kind: 'fixed-delay', attempts, delay: delayMs }
  env
    .fromSource(socketText({ host, port }), { uid: 'words', parallelism: 1 })
    .flatMap(wordsOf)
    .map(checked)
    .name('no bugs')
    .keyBy((word) => word)
    .count()
    .uid('count-per-word')
    .map(({ key, count }) => `${key} ${count}`)
    .sinkTo(print({ prefix: '' }))
    .uid('counts')
})
