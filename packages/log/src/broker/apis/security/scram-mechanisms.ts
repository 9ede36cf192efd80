import type { ScramName } from '../../security/sasl/scram-credential.ts'

/** The numbers of mechanisms on the wire. */
export const SCRAM_CODE = { 'SCRAM-SHA-256': 1, 'SCRAM-SHA-512': 2 } as const

export function scramOfCode(code: number): ScramName | undefined {
  return (Object.keys(SCRAM_CODE) as ScramName[]).find((name) => SCRAM_CODE[name] === code)
}
