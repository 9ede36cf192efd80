/** What users import: the engine, and the error that everything here throws. */
export * from '@millrace/engine'
export { MillraceError, type Duration } from '@millrace/core'
