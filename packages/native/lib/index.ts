import './runtime.js';

export { addon, addonFile } from './addon.js';
export * from './chips/index.js';
export * from './contract.js';
export * from './errors.js';
export { mostSimilar } from './most-similar.js';
