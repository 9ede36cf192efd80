import java.io.File;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/** A name node with WebHDFS on the port given, and a data node, until the process ends; says "ready" when it is. */
public final class MiniHdfs {
  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    File folder = new File(arguments[1]);
    Configuration configuration = new Configuration();
    configuration.set("dfs.namenode.http-bind-host", "127.0.0.1");
    configuration.setBoolean("dfs.permissions.enabled", true);
    configuration.setLong("dfs.namenode.fs-limits.min-block-size", 1024);
    configuration.setLong("dfs.blocksize", 1 << 20);
    MiniDFSCluster cluster =
        new MiniDFSCluster.Builder(configuration, folder).numDataNodes(1).nameNodeHttpPort(port).format(true).build();
    cluster.waitActive();
    // Whoever asks may write: the tests name their own users.
    cluster.getFileSystem().setPermission(new org.apache.hadoop.fs.Path("/"), new org.apache.hadoop.fs.permission.FsPermission((short) 0777));
    System.out.println("ready on " + cluster.getHttpUri(0));
    Thread.currentThread().join();
  }
}
