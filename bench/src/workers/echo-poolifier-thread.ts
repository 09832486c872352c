import { ThreadWorker } from 'poolifier';

export default new ThreadWorker((message) => message);
