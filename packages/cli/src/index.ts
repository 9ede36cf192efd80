export { main } from './main.ts'
export { processOutput, type CommandIo, type TextOutput } from './terminal.ts'
