package infer

func (d *drafting) withLike(all []proposal) []proposal { return all }
