export * from '@millrace/engine'
