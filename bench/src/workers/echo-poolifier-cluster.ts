import { ClusterWorker } from 'poolifier';

export default new ClusterWorker((message) => message);
