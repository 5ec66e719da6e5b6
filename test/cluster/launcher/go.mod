module tanren/test/cluster/launcher

go 1.26.0
